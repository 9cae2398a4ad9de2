from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from okos.envelope import Attachment, BadEnvelope, Envelope, Reply

PHOTO = Attachment(name="file:1", mime="image/png", file_name="cat.png", size_bytes=12)
ENVELOPE = Envelope(
    id="m1",
    channel="local",
    chat="7",
    user="7",
    kind="text",
    text="hello",
    sent_at_ms=1_000,
    reply_to="outbox.local.3f2a",
)
REPLY = Reply(envelope_id="m1", chat="7", text="hi", last=True)


@pytest.mark.parametrize(
    "envelope",
    [
        ENVELOPE,
        replace(ENVELOPE, kind="photo", attachment=PHOTO, more=(PHOTO, PHOTO)),
        replace(ENVELOPE, emoji="🙂", topic="5", address={"peer": 7}, role="admin"),
    ],
)
def test_an_envelope_survives_the_way_through_json(envelope: Envelope) -> None:
    assert Envelope.decode(orjson.loads(orjson.dumps(envelope.encode()))) == envelope


@pytest.mark.parametrize(
    "reply",
    [REPLY, replace(REPLY, text="", failed=True, address={"peer": 7}), replace(REPLY, kind="photo", attachment=PHOTO)],
)
def test_a_reply_survives_the_way_through_json(reply: Reply) -> None:
    assert Reply.decode(orjson.loads(orjson.dumps(reply.encode()))) == reply


def test_a_reply_of_an_older_worker_is_a_text() -> None:
    fields = REPLY.encode()
    del fields["kind"], fields["attachment"]

    assert Reply.decode(fields) == REPLY


def test_a_mailbox_is_the_channel_and_chat_and_the_topic_if_there_is_one() -> None:
    assert ENVELOPE.mailbox == "local:7"
    assert replace(ENVELOPE, topic="5").mailbox == "local:7:5"


def test_the_files_of_an_album_are_in_their_order() -> None:
    second = replace(PHOTO, name="file:2")

    assert ENVELOPE.attachments == ()
    assert replace(ENVELOPE, attachment=PHOTO, more=(second,)).attachments == (PHOTO, second)


def test_an_older_worker_ignores_the_fields_of_a_newer_gateway() -> None:
    assert Envelope.decode(ENVELOPE.encode() | {"mood": "sunny"}) == ENVELOPE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "'id' is missing"),
        ({"chat": ""}, "'chat' is empty"),
        ({"text": 5}, "'text' must be str, got int"),
        ({"sent_at_ms": "now"}, "'sent_at_ms' must be int, got str"),
        ({"sent_at_ms": True}, "'sent_at_ms' must be int, got bool"),
        ({"attachment": "cat.png"}, "not an attachment"),
        ({"attachment": {"name": "file:1"}}, "'size_bytes' is missing"),
        ({"more": "cat.png"}, "'more' must be a list, got str"),
        ({"address": "here"}, "'address' must be an object, got str"),
    ],
)
def test_a_bad_envelope_says_which_field_is_wrong(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadEnvelope, match=reason):
        Envelope.decode(ENVELOPE.encode() | change)


@pytest.mark.parametrize("raw", [None, "text", 5, [ENVELOPE.encode()]])
def test_what_is_no_object_is_no_envelope(raw: object) -> None:
    with pytest.raises(BadEnvelope, match="not an envelope"):
        Envelope.decode(raw)

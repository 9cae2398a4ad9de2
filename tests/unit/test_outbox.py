from __future__ import annotations

from dataclasses import replace

import pytest

from okos.envelope import Envelope, Reply
from okos.outbox import GivenUp, apology, is_outbox_of, posted

ENVELOPE = Envelope(
    id="m1", channel="local", chat="7", user="7", kind="text", sent_at_ms=0, reply_to="outbox.local.3f2a"
)
REPLY = Reply(envelope_id="m1", chat="7", text="hi", last=True)


def test_a_reply_goes_to_the_outbox_that_the_envelope_names() -> None:
    message = posted(ENVELOPE, REPLY)

    assert message.queue_name == "outbox.local.3f2a"
    assert message.actor_name == "deliver"
    assert Reply.decode(message.args[0]) == REPLY


def test_a_reply_carries_the_address_that_its_channel_gave_the_message() -> None:
    message = posted(replace(ENVELOPE, address={"peer": 7}), REPLY)

    assert Reply.decode(message.args[0]).address == {"peer": 7}


def test_the_replies_of_a_chat_keep_their_order_and_wait_for_no_other_client() -> None:
    message = posted(ENVELOPE, REPLY)

    assert message.options["mailbox"] == "outbox.local.3f2a.7"
    assert posted(replace(ENVELOPE, id="m2"), REPLY).options["mailbox"] == message.options["mailbox"]
    assert posted(replace(ENVELOPE, reply_to="outbox.local.b"), REPLY).options["mailbox"] == "outbox.local.b.7"


def test_the_rate_limit_does_not_hold_an_answer_back() -> None:
    assert posted(ENVELOPE, REPLY).options["cost"] == 0


def test_what_is_set_for_turns_says_nothing_about_replies() -> None:
    options = posted(ENVELOPE, REPLY).options

    assert options["strict"] is True
    assert options["max_stalls"] > 10


def test_only_the_outbox_of_a_local_client_expires() -> None:
    assert posted(ENVELOPE, REPLY).options["expires"] == 3_600_000
    assert "expires" not in posted(replace(ENVELOPE, channel="telegram"), REPLY).options


def test_an_apology_ends_the_turn_and_says_what_happens_next() -> None:
    for why in GivenUp:
        reply = apology(ENVELOPE, why)
        assert (reply.envelope_id, reply.last, reply.failed) == ("m1", True, True)
        assert "Sorry" in reply.text
        assert "send it again" in reply.text


@pytest.mark.parametrize(
    ("outbox", "mailbox", "is_its"),
    [
        ("outbox.telegram.7", "telegram:7", True),
        ("outbox.telegram.-1007", "telegram:-1007:42", True),
        ("outbox.telegram.77", "telegram:7", False),
        ("outbox.local.3f2a.7", "local:7", True),
        ("outbox.local.3f2a.b.7", "local:7", False),
        ("outbox.local.3f2a.b.7", "local:b.7", True),
        ("outbox.telegram.7", "local:7", False),
        ("telegram:7", "telegram:7", False),
    ],
)
def test_an_outbox_belongs_to_a_chat_and_not_to_one_with_a_like_name(
    outbox: str, mailbox: str, *, is_its: bool
) -> None:
    assert is_outbox_of(outbox, mailbox) is is_its

"""What travels comes out as it went in; what never went in comes out as a reason."""

from __future__ import annotations

import json
from typing import Any

import dramatiq
import pytest
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from okos.envelope import Attachment, BadEnvelope, Envelope, Reply
from okos.local.channel import read_glimpse
from okos.mailbox.errors import BadMessage
from okos.mailbox.publication import prepare
from okos.mailbox.reading import Unreadable, kept, message_or_none, read_body, shown

pytestmark = pytest.mark.fuzz

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
#: All that a worker, a middleware or the engine looks at, and some that nobody does.
OPTIONS = st.sampled_from(
    [
        *("eta", "throws", "time_limit", "max_age", "max_retries", "min_backoff", "max_backoff", "on_success"),
        *("on_failure", "on_retry_exhausted", "pipe_target", "pipe_ignore", "merged", "mailbox", "cost", "priority"),
        *("hold", "delay", "dedup_id", "dedup_ttl", "max_backlog", "on_full", "latest_wins", "expires", "on_dead"),
        *("housekeeping", "retry_when", "__class__", "redis_message_id"),
    ]
)
FIELDS = ("queue_name", "actor_name", "args", "kwargs", "options", "message_id", "message_timestamp")


@fuzzed(200)
@given(
    args=st.lists(PLAIN, max_size=4), kwargs=st.dictionaries(TEXT, PLAIN, max_size=4), name=TEXT, sent_ms=st.integers()
)
def test_a_message_comes_out_as_it_went_in(args: list[Any], kwargs: dict[str, Any], name: str, sent_ms: int) -> None:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=name, actor_name=name, args=tuple(args), kwargs=kwargs, options={}, message_timestamp=sent_ms
    )

    assert read_body(message.encode()) == message


@fuzzed(300)
@given(body=st.binary(max_size=300))
def test_bytes_are_a_message_or_a_reason(body: bytes) -> None:
    is_read(body)


@fuzzed(400)
@given(
    fields=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)), more=st.dictionaries(TEXT, JSON, max_size=1)
)
def test_an_object_is_a_message_or_a_reason(fields: dict[str, Any], more: dict[str, Any]) -> None:
    is_read(json.dumps(fields | more).encode())


@fuzzed(400)
@given(options=st.dictionaries(OPTIONS, JSON, max_size=4))
def test_options_are_what_a_worker_can_act_upon_or_a_reason(options: dict[str, Any]) -> None:
    fields = {"queue_name": "q", "actor_name": "a", "args": [], "kwargs": {}, "message_id": "m", "message_timestamp": 1}

    message = is_read(json.dumps(fields | {"options": options}).encode())

    if message is not None:
        for name in ("time_limit", "max_age", "max_retries", "min_backoff", "max_backoff"):
            assert message.options.get(name) is None or message.options[name] >= 0
        assert message.options.get("throws") is None
        assert message.options.get("eta") is None


def is_read(body: bytes) -> dramatiq.Message[Any] | None:
    message = message_or_none(body)
    if message is None:
        with pytest.raises(Unreadable) as refused:
            read_body(body)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 400
        return None
    assert isinstance(message.options, dict)
    assert isinstance(message.actor_name, str)
    assert isinstance(message.queue_name, str)
    str(message)
    return message


@fuzzed(300)
@given(options=st.dictionaries(OPTIONS, JSON, max_size=5), delay=st.integers() | st.floats())
def test_what_is_published_is_checked_before_it_is_sent(options: dict[str, Any], delay: Any) -> None:
    message: dramatiq.Message[None] = dramatiq.Message("q", "a", (), {}, options)

    try:
        publication = prepare(message, delay_ms=delay)
    except BadMessage:
        return

    assert publication.delay_ms >= 0
    assert publication.cost >= 0
    assert publication.band in range(4)


@fuzzed(250)
@given(raw=JSON | st.dictionaries(st.sampled_from([*Envelope.__slots__, *Reply.__slots__]), JSON))
def test_an_envelope_a_reply_and_a_file_are_what_they_say_or_no_such_thing(raw: Any) -> None:
    for kind in (Envelope, Reply, Attachment):
        try:
            value = kind.decode(raw)
        except BadEnvelope:
            continue
        assert kind.decode(json.loads(json.dumps(value.encode()))) == value


@fuzzed(200)
@given(payload=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_preview_is_one_or_none(payload: bytes) -> None:
    read_glimpse(payload)


@fuzzed(200)
@given(raw=st.binary(max_size=60))
def test_a_name_goes_back_as_it_came_and_can_always_be_shown(raw: bytes) -> None:
    assert kept(raw).encode("utf-8", "surrogateescape") == raw
    shown(raw).encode()

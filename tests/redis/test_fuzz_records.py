"""Whatever stands where a record should, the transitions go on, and so does what stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from packing import packed

if TYPE_CHECKING:
    from mailboxes import Mailboxes

pytestmark = pytest.mark.fuzz

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("box", "queue", "at", "state", "bytes", "band", "cost", "due", "actor", "merged", "on_dead", "expires", "seq"),
    *("aliases", "latest", "token", "proc", "attempts", "retries", "stalls", "max_stalls", "strict", "started"),
    *("charged", "cancel", "error", "ended", "epoch"),
]


@fuzzed(150)
@given(
    record=st.binary(max_size=60) | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    beside=st.dictionaries(
        st.sampled_from(["on_dead", "merged", "aliases", "error"]), st.binary(max_size=30), max_size=3
    ),
)
def test_what_stands_behind_it_runs(
    mailboxes: Mailboxes, record: bytes | dict[str, Any], beside: dict[str, bytes]
) -> None:
    client, key = mailboxes.store.client, mailboxes.store.key
    if isinstance(record, dict):
        good = {"box": "a", "queue": "q", "at": 1, "state": "waiting", "bytes": 1}
        record = packed(good | record)
    mailboxes.publish("behind", "b")
    client.hset(key("msg"), "odd", record)
    client.hset(key("body"), "odd", b"body")
    for name, value in beside.items():
        client.hset(key(name), "odd", value)
    client.rpush(key("box:a"), "odd")
    client.zadd(key("ready:q:1"), {"a": 0})

    started = mailboxes.claim_all().started
    mailboxes.store.call("mailbox", "a", 0, 10)
    mailboxes.store.call("failed", "+inf", "-inf", 0, 10)
    mailboxes.store.call("running", 10)
    ends = [mailboxes.settle(one, "dead", error="so that it is buried") for one in started]
    mailboxes.store.call("requeue", "odd")
    mailboxes.store.call("cancel", "odd", "")
    mailboxes.sweep()

    assert "behind" in {one.id for one in started}
    assert set(ends) <= {"ok", "lost", "cancelled"}
    mailboxes.store.delete_all()
    mailboxes._set_clock()
    mailboxes.limit()

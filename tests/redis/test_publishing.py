"""What a source of messages relies on: one step for what it publishes and how far it has come, and one holder of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq
import pytest
from mailboxes import DAY_MS, Mailboxes

from okos.mailbox import BadMessage, LeaseLost, MailboxBroker, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

SECOND = 1000


@pytest.fixture
def broker(url: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url=url, namespace="publishing")
    broker.declare_queue("q")
    yield broker
    broker.flush_all()
    broker.close()


def a_message(number: int, mailbox: str = "a", **options: object) -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name="q",
        actor_name="act",
        args=(number,),
        kwargs={},
        options={"mailbox": mailbox, **options},
        message_id=f"m{number}",
    )


def held(broker: MailboxBroker, key: str = "a") -> list[str]:
    return [message.id for message in broker.mailbox(key).messages]


def test_all_come_in_in_their_order_with_the_progress(broker: MailboxBroker) -> None:
    outcomes = broker.enqueue_all([a_message(1), a_message(2), a_message(3, "b")], progress={"pts": b"3", "qts": b"1"})

    assert outcomes == ["new", "new", "new"]
    assert (held(broker), held(broker, "b")) == (["m1", "m2"], ["m3"])
    assert broker.progress() == {"pts": b"3", "qts": b"1"}


def test_a_repeat_changes_nothing_but_the_progress(broker: MailboxBroker) -> None:
    broker.enqueue_all([a_message(1)], progress={"pts": b"1"})

    assert broker.enqueue_all([a_message(1), a_message(2)], progress={"pts": b"2"}) == ["seen", "new"]
    assert held(broker) == ["m1", "m2"]
    assert broker.progress() == {"pts": b"2"}


def test_the_same_twice_in_one_call_is_one(broker: MailboxBroker) -> None:
    messages = [a_message(1), a_message(1), a_message(2, dedup_id="d"), a_message(3, dedup_id="d")]

    assert broker.enqueue_all(messages) == ["new", "seen", "new", "seen"]
    assert held(broker) == ["m1", "m2"]


def test_one_full_mailbox_does_not_hold_up_the_others(broker: MailboxBroker) -> None:
    messages = [a_message(1, max_backlog=1), a_message(2, max_backlog=1), a_message(3, "b")]

    assert broker.enqueue_all(messages, progress={"pts": b"3"}) == ["new", "full", "new"]
    assert (held(broker), held(broker, "b")) == (["m1"], ["m3"])


def test_what_cannot_be_kept_keeps_all_out(broker: MailboxBroker) -> None:
    with pytest.raises(BadMessage):
        broker.enqueue_all([a_message(1), a_message(2, cost=-1)], progress={"pts": b"2"})

    assert held(broker) == []
    assert broker.progress() == {}


def test_progress_may_be_written_alone(broker: MailboxBroker) -> None:
    assert broker.enqueue_all([], progress={"pts": b"7"}) == []
    assert broker.progress() == {"pts": b"7"}


def test_too_many_are_refused(broker: MailboxBroker) -> None:
    with pytest.raises(ValueError, match="64 messages"):
        broker.enqueue_all([a_message(number) for number in range(65)])

    assert held(broker) == []


def test_a_full_memory_accepts_nothing_and_says_so(broker: MailboxBroker, admin: Redis) -> None:
    admin.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            broker.enqueue_all([a_message(1)], progress={"pts": b"1"})
    finally:
        admin.config_set("maxmemory", 0)

    assert broker.progress() == {}


def test_only_the_holder_of_the_lease_publishes(broker: MailboxBroker) -> None:
    assert broker.take_lease("bot", "one", ttl_ms=60 * SECOND)
    broker.enqueue_all([a_message(1)], progress={"pts": b"1"}, lease=("bot", "one"))

    with pytest.raises(LeaseLost, match="bot"):
        broker.enqueue_all([a_message(2)], progress={"pts": b"2"}, lease=("bot", "another"))

    assert held(broker) == ["m1"]
    assert broker.progress() == {"pts": b"1"}


def test_a_lease_has_one_holder_until_it_is_given_back(broker: MailboxBroker) -> None:
    assert broker.take_lease("bot", "one", ttl_ms=60 * SECOND)
    assert broker.take_lease("bot", "one", ttl_ms=60 * SECOND)
    assert not broker.take_lease("bot", "another", ttl_ms=60 * SECOND)
    assert broker.lease_holder("bot") == "one"

    broker.release_lease("bot", "another")
    assert broker.lease_holder("bot") == "one"
    broker.release_lease("bot", "one")

    assert broker.lease_holder("bot") is None
    assert broker.take_lease("bot", "another", ttl_ms=60 * SECOND)


def test_a_lease_that_is_not_renewed_ends(broker: MailboxBroker, admin: Redis) -> None:
    broker.take_lease("bot", "one", ttl_ms=60 * SECOND)

    assert 0 < admin.pttl("{publishing}:lease:bot") <= 60 * SECOND


def test_a_message_that_is_held_waits_in_its_place_until_it_is_let_go(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", hold_ms=120 * SECOND)
    mailboxes.publish("m2")
    assert mailboxes.ids() == []

    assert mailboxes.store.call("hold", "m1", 0) == 1

    assert mailboxes.ids() == ["m1"]


def test_a_hold_can_be_made_longer(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", hold_ms=SECOND)
    assert mailboxes.store.call("hold", "m1", 10 * SECOND) == 1

    mailboxes.advance(9 * SECOND)
    assert mailboxes.ids() == []
    mailboxes.advance(SECOND)
    assert mailboxes.ids() == ["m1"]


def test_it_is_too_late_to_hold_what_has_started_or_ended(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    assert mailboxes.store.call("hold", "m1", SECOND) == 0

    mailboxes.settle(running)

    assert mailboxes.store.call("hold", "m1", SECOND) == 0
    assert mailboxes.store.call("hold", "never there", DAY_MS) == 0


def test_what_is_held_for_a_thing_is_let_go_only_while_it_names_that_thing(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", hold_ms=SECOND, body=b'{"file": "one"}')

    assert mailboxes.store.call("replace", "m1", b'{"file": "two"}', 10 * SECOND, '"one"') == 1
    assert mailboxes.store.call("hold", "m1", 0, '"one"') == 0
    assert mailboxes.store.call("replace", "m1", b'{"file": "three"}', 10 * SECOND, '"one"') == 2
    mailboxes.advance(9 * SECOND)

    assert mailboxes.store.call("hold", "m1", 0, '"two"') == 0
    assert mailboxes.ids() == []
    assert mailboxes.store.call("hold", "m1", 0, '"three"') == 1
    assert mailboxes.ids() == ["m1"]

"""What a process held that is known to be dead starts again at once, and not when its lease runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mailboxes import LEASE_MS

from okos.mailbox import LeaseLost, MailboxBroker

if TYPE_CHECKING:
    from mailboxes import Mailboxes


def succeed(mailboxes: Mailboxes, holder: str = "successor") -> None:
    """Let a holder have the lease."""
    assert mailboxes.store.call("lease", "role", holder, 60_000) == 1


def test_what_the_dead_process_held_is_first_in_its_mailbox_and_all_else_is_left_alone(mailboxes: Mailboxes) -> None:
    for box in ("a", "b"):
        mailboxes.publish(f"{box}1", box)
        mailboxes.publish(f"{box}2", box)
    dead, alive = mailboxes.claim("dead one"), mailboxes.claim("living one")
    succeed(mailboxes)

    assert mailboxes.take_back("dead one") == [("a1", "stalled")]

    (again,) = mailboxes.claim_all("successor").started
    assert (again.id, again.attempt, again.stalls) == ("a1", 2, 1)
    assert mailboxes.settle(dead, claimer="dead one") == "lost"
    assert mailboxes.renew(dead, claimer="dead one") == ["a1"]
    assert mailboxes.settle(alive, claimer="living one") == "ok"
    assert mailboxes.settle(again, claimer="successor") == "ok"


def test_the_bell_rings_for_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.claim("dead one")
    mailboxes.store.client.delete(mailboxes.store.key("bell:q"))
    succeed(mailboxes)

    mailboxes.take_back("dead one")

    assert mailboxes.store.client.lpop(mailboxes.store.key("bell:q")) == b"1"


@pytest.mark.parametrize("holder", [None, "somebody else"])
def test_only_the_holder_of_the_lease_takes_anything_back(mailboxes: Mailboxes, holder: str | None) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim("maybe alive")
    if holder is not None:
        succeed(mailboxes, holder)

    assert mailboxes.take_back("maybe alive") is None

    assert mailboxes.settle(running, claimer="maybe alive") == "ok"


def test_asked_twice_it_is_done_once(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.claim("dead one")
    succeed(mailboxes)

    assert [mailboxes.take_back("dead one"), mailboxes.take_back("dead one")] == [[("m1", "stalled")], []]
    assert mailboxes.record("m1")["stalls"] == "1"


def test_what_was_to_be_cancelled_is(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    mailboxes.claim("dead one")
    mailboxes.store.call("cancel", "m1", "by request")
    succeed(mailboxes)

    assert mailboxes.take_back("dead one") == [("m1", "cancelled")]
    assert mailboxes.ids("successor") == ["m2"]


def test_what_has_killed_its_process_too_often_is_buried_and_told(mailboxes: Mailboxes) -> None:
    mailboxes.publish("poison", on_dead=mailboxes.publication("apology", "outbox", queue="outbox"))
    for claimer in ("first", "second"):
        mailboxes.claim(claimer)
        succeed(mailboxes)
        outcome = mailboxes.take_back(claimer)

    assert outcome == [("poison", "dead")]
    assert mailboxes.ids(queues=["outbox"]) == ["apology"]


def test_however_much_runs_elsewhere_all_of_it_is_found(mailboxes: Mailboxes) -> None:
    for number in range(2_400):
        mailboxes.publish(f"m{number}", f"box {number}", max_stalls=5)
    for number in range(40):
        mailboxes.claim_all("dead one" if number % 10 == 0 else f"living {number}", 60)
    succeed(mailboxes)

    found = mailboxes.take_back("dead one")

    assert found is not None
    assert len(found) == 240
    assert len(mailboxes.keys().scores["leases"]) == 2_160


def test_a_lease_that_is_lost_meanwhile_says_so(url: str, namespace: str) -> None:
    broker = MailboxBroker(url, namespace=namespace, lease_ms=LEASE_MS)
    try:
        assert broker.take_lease("role", "another", ttl_ms=60_000)
        with pytest.raises(LeaseLost, match="is another's"):
            broker.take_back("dead one", lease=("role", "successor"))
        assert broker.take_back("dead one", lease=("role", "another")) == 0
    finally:
        broker.close()

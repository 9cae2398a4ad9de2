"""What is kept of messages that have ended, and for how long."""

import pytest
from mailboxes import Mailboxes

from okos.mailbox import MailboxBroker

SECOND = 1000


def end(mailboxes: Mailboxes, op: str, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        mailboxes.publish(f"m{number}", f"box {number}")
        mailboxes.settle(mailboxes.claim(), op)
        mailboxes.advance(1)


@pytest.mark.parametrize("op", ["ack", "dead"])
def test_the_newest_are_kept_and_never_more_than_asked_for(mailboxes: Mailboxes, op: str) -> None:
    mailboxes.keep_done = mailboxes.keep_dead = 3

    end(mailboxes, op, 10)

    kept = mailboxes.keys().scores["done" if op == "ack" else "dead"]
    assert list(kept) == ["m7", "m8", "m9"]
    records = [name for name in mailboxes.keys().hashes if name.startswith("msg:")]
    assert sorted(records) == ["msg:m7", "msg:m8", "msg:m9"]


@pytest.mark.parametrize("op", ["ack", "dead"])
def test_with_nothing_to_keep_nothing_is_kept(mailboxes: Mailboxes, op: str) -> None:
    mailboxes.keep_done = mailboxes.keep_dead = 0

    end(mailboxes, op, 3)

    mailboxes.assert_nothing_is_left()
    stats = mailboxes.stats()
    assert (stats.done + stats.died, stats.dead, stats.done_kept) == (3, 0, 0)


@pytest.mark.parametrize("op", ["ack", "dead"])
def test_a_history_that_must_shrink_does_so_a_little_at_each_end(mailboxes: Mailboxes, op: str) -> None:
    mailboxes.keep_done = mailboxes.keep_dead = 10
    end(mailboxes, op, 10)
    mailboxes.keep_done = mailboxes.keep_dead = 2

    end(mailboxes, op, 5, first=10)

    assert list(mailboxes.keys().scores["done" if op == "ack" else "dead"]) == ["m13", "m14"]


def test_prune_deletes_what_is_older_than_its_age(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    end(mailboxes, "ack", 3)
    end(mailboxes, "dead", 2, first=3)
    mailboxes.advance(SECOND)
    end(mailboxes, "ack", 1, first=5)

    assert mailboxes.prune(done_age_ms=SECOND, dead_age_ms=10 * SECOND) == (3, 0)
    assert mailboxes.prune(done_age_ms=SECOND, dead_age_ms=SECOND) == (0, 2)
    assert list(mailboxes.keys().scores["done"]) == ["m5"]


def test_prune_is_bounded(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    end(mailboxes, "ack", 5)

    assert [mailboxes.prune(most=2)[0] for _ in range(4)] == [2, 2, 1, 0]


def test_a_sweep_prunes_too_so_that_no_scheduler_is_needed(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    end(mailboxes, "ack", 3)
    end(mailboxes, "dead", 3, first=3)
    mailboxes.advance(SECOND)

    mailboxes.sweep(done_age_ms=SECOND, dead_age_ms=SECOND)

    assert (mailboxes.stats().done_kept, mailboxes.stats().dead) == (0, 0)


def test_what_was_pruned_is_counted_and_was_still_accepted(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    end(mailboxes, "ack", 3)
    end(mailboxes, "dead", 2, first=3)
    mailboxes.advance(1)
    mailboxes.prune()

    stats = mailboxes.stats()

    assert (stats.accepted, stats.done, stats.died, stats.waiting) == (5, 3, 2, 0)
    assert (mailboxes.keys().counts["pruned_done"], mailboxes.keys().counts["pruned_dead"]) == (3, 2)


def test_a_message_that_was_pruned_is_not_accepted_again_for_a_while(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    end(mailboxes, "ack", 1)
    mailboxes.prune()

    assert mailboxes.publish("m0") == "seen"


def test_a_kept_message_has_its_end_and_no_token(mailboxes: Mailboxes) -> None:
    mailboxes.keep_done = 100
    mailboxes.publish("m0", on_dead=mailboxes.publication("sorry"))
    mailboxes.settle(mailboxes.claim())

    record = mailboxes.record("m0")

    assert record["state"] == "done"
    assert int(record["ended"]) == mailboxes.now_ms
    assert not {"token", "due", "on_dead"} & set(record)


def test_what_is_kept_of_chosen_mailboxes_can_be_deleted(mailboxes: Mailboxes, url: str, namespace: str) -> None:
    mailboxes.keep_done = 3000
    end(mailboxes, "ack", 2500)
    end(mailboxes, "dead", 1, first=2500)
    broker = MailboxBroker(url, namespace=namespace, middleware=[])

    gone = broker.discard_done(lambda mailbox: mailbox.endswith(("0", "1")))
    again = broker.discard_done(lambda mailbox: mailbox.endswith("0"))

    kept = mailboxes.keys().scores["done"]
    assert (gone, again) == (500, 0)
    assert list(kept) == [f"m{number}" for number in range(2500) if number % 10 > 1]
    records = [name.removeprefix("msg:") for name in mailboxes.keys().hashes if name.startswith("msg:")]
    assert sorted(records) == sorted([*kept, "m2500"])
    broker.close()

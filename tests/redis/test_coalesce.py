"""What a full mailbox merges into its last message, and what the ids of the merged ones stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from okos.mailbox.timeline import read_message

if TYPE_CHECKING:
    from mailboxes import Mailboxes

MERGING: dict[str, Any] = {"max_backlog": 1, "on_full": "coalesce", "actor": "answer"}


def test_a_full_mailbox_may_merge_a_message_into_its_last_one(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", max_backlog=1, on_full="coalesce", actor="answer")

    outcome = mailboxes.store.publish(
        mailboxes.publication("m2", max_backlog=1, on_full="coalesce", actor="answer", dedup_id="d")
    )
    other = mailboxes.publish("m3", max_backlog=1, on_full="coalesce", actor="another")

    assert outcome == ("merged", "m1")
    assert other == "full"
    assert mailboxes.publish("m2") == "seen"
    assert mailboxes.store.publish(mailboxes.publication("m4", dedup_id="d")) == ("seen", "m1")
    assert mailboxes.stats().accepted == 1


def test_what_is_merged_stays_within_a_bound(mailboxes: Mailboxes) -> None:
    large = MERGING | {"body": bytes(400_000)}
    mailboxes.publish("m1", **large)

    assert mailboxes.publish("m2", **large) == "merged"
    assert mailboxes.publish("m3", **large) == "full"
    assert [len(body) for body in mailboxes.claim().merged] == [400_000]


def test_only_so_many_are_merged_into_one(mailboxes: Mailboxes) -> None:
    for number in range(257):
        mailboxes.publish(f"m{number}", **MERGING)

    assert mailboxes.publish("one too many", **MERGING) == "full"
    assert len(mailboxes.claim().merged) == 256


def test_the_id_of_a_merged_message_stands_for_the_one_that_took_it_in(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", **MERGING)
    mailboxes.publish("m2", **MERGING)

    seen = read_message(mailboxes.store.call("message", "m2"))

    assert seen is not None
    assert (seen.id, seen.state) == ("m1", "waiting")
    assert mailboxes.store.publish(mailboxes.publication("m2", **MERGING)) == ("seen", "m1")
    assert mailboxes.store.call("cancel", "m2", "") == b"cancelled"
    assert mailboxes.ids() == []


def test_a_merged_message_is_remembered_for_as_long_as_the_one_that_took_it_in(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", **MERGING)
    mailboxes.publish("m2", **MERGING)

    mailboxes.live_through(600_000, step_ms=60_000)
    while_it_waits = mailboxes.store.publish(mailboxes.publication("m2", **MERGING))
    mailboxes.settle(mailboxes.claim())
    after_its_end = mailboxes.store.publish(mailboxes.publication("m2", **MERGING))

    assert while_it_waits == after_its_end == ("seen", "m1")
    keys = mailboxes.keys()
    assert "alias:m2" in keys.texts
    assert "alias:m2" not in keys.lasting


def test_a_running_message_is_stopped_by_the_id_of_what_was_merged_into_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", **MERGING)
    mailboxes.publish("m2", **MERGING)
    claimed = mailboxes.claim()

    assert mailboxes.store.call("cancel", "m2", "") == b"flagged"
    assert mailboxes.settle(claimed) == "cancelled"


def test_of_a_merged_message_its_own_part_is_replaced(mailboxes: Mailboxes) -> None:
    for name in ("m1", "m2", "m3"):
        mailboxes.publish(name, body=name.encode(), **MERGING)

    assert mailboxes.store.call("replace", "m2", b"m2, edited") == 1

    claimed = mailboxes.claim()
    assert (claimed.body, claimed.merged) == (b"m1", (b"m2, edited", b"m3"))


def test_a_dead_letter_is_requeued_by_the_id_of_what_was_merged_into_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", **MERGING)
    mailboxes.publish("m2", **MERGING)
    mailboxes.settle(mailboxes.claim(), "dead")

    assert mailboxes.store.call("requeue", "m2", "m1") == 1
    assert [len(mailboxes.claim().merged), mailboxes.store.call("discard", "dead", "m2")] == [1, 0]

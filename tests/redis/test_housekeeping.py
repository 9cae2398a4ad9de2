"""Housekeeping: what the scheduler sends must run whatever an operator has stopped, and is nobody's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.mailbox.publication import ASIDE

if TYPE_CHECKING:
    from mailboxes import Mailboxes


def test_it_runs_while_all_is_paused(mailboxes: Mailboxes) -> None:
    mailboxes.store.call("pause", "", "pause")
    mailboxes.publish("work")
    mailboxes.publish("sweep", "maintenance", band=ASIDE)

    assert mailboxes.ids() == ["sweep"]

    mailboxes.store.call("pause", "", "resume")
    assert mailboxes.ids() == ["work"]


def test_it_is_asked_before_all_else(mailboxes: Mailboxes) -> None:
    for number in range(8):
        mailboxes.publish(f"work {number}", f"box {number}", band=0)
    mailboxes.publish("sweep", "maintenance", band=ASIDE)

    assert mailboxes.claim().id == "sweep"


def test_it_takes_nothing_from_a_rate(mailboxes: Mailboxes) -> None:
    mailboxes.store.call("limit", "", 1, 0.001, 1, 0.001, 1)
    for number in range(3):
        mailboxes.publish(f"sweep {number}", "maintenance", band=ASIDE)

    for number in range(3):
        running = mailboxes.claim()
        assert running.id == f"sweep {number}"
        mailboxes.settle(running)


def test_it_is_not_counted_but_is_seen_while_it_waits_and_runs(mailboxes: Mailboxes) -> None:
    mailboxes.publish("sweep", "maintenance", band=ASIDE)
    assert mailboxes.stats().waiting == 1
    running = mailboxes.claim()
    assert (mailboxes.stats().waiting, mailboxes.stats().running) == (0, 1)
    mailboxes.settle(running)
    mailboxes.publish("prune", "maintenance", band=ASIDE)
    mailboxes.publish("prune again", "maintenance", band=ASIDE)

    assert mailboxes.store.call("cancel_mailbox", "maintenance", "enough") == [2, 0]

    stats = mailboxes.stats()
    assert (stats.accepted, stats.done, stats.cancelled, stats.waiting, stats.running) == (0, 0, 0, 0, 0)


def test_one_that_fails_for_good_is_a_dead_letter_and_can_be_requeued(mailboxes: Mailboxes) -> None:
    mailboxes.publish("sweep", "maintenance", band=ASIDE)
    mailboxes.settle(mailboxes.claim(), "dead", error="boom")
    assert (mailboxes.stats().dead, mailboxes.stats().waiting) == (1, 0)

    assert mailboxes.store.call("requeue", "sweep") == 1

    assert mailboxes.stats().waiting == 1
    mailboxes.settle(mailboxes.claim())
    assert (mailboxes.stats().waiting, mailboxes.stats().accepted, mailboxes.stats().died) == (0, 0, 0)

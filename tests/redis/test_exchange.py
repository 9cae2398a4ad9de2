"""A busy process settles and claims in one step: as the two would be, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailboxes import LEASE_MS, Mailboxes

from okos.mailbox.effect import Publish
from okos.mailbox.wire import read_claimed

if TYPE_CHECKING:
    from okos.mailbox.delivery import Claimed


def exchange(
    mailboxes: Mailboxes, *ends: list[Any], n: int = 8, sequence: int | None = None
) -> tuple[list[str], list[Claimed]]:
    """Settle and claim; returns what became of each attempt, and what started."""
    number = mailboxes.next_sequence() if sequence is None else sequence
    settle: list[Any] = ["worker", f"s{number}", 0, 1000, len(ends), *(value for end in ends for value in end)]
    claim: list[Any] = [
        "worker",
        f"c{number}",
        n,
        256 * 1024,
        LEASE_MS,
        f"nonce {number}",
        1,
        mailboxes.max_stalls,
        1,
        "q",
    ]
    settled, (_, _, items) = mailboxes.store.call("exchange", len(settle), *settle, *claim)
    return [outcome.decode() for outcome in settled], [read_claimed(item) for item in items]


def test_what_is_settled_makes_room_for_what_is_claimed(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}")
    running = mailboxes.claim()

    settled, started = exchange(mailboxes, [running.id, running.token, "done"])

    assert settled == ["ok"]
    assert [one.id for one in started] == ["m1"]
    assert (mailboxes.stats().done, mailboxes.stats().running, mailboxes.stats().waiting) == (1, 1, 1)


def test_a_retry_without_a_wait_starts_again_in_the_same_step(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()

    _, (again,) = exchange(mailboxes, [running.id, running.token, "retry", 0, "", "boom", "", 0])

    assert (again.id, again.attempt, again.retries) == ("m1", 2, 1)
    assert again.token != running.token
    assert mailboxes.keys().scores["leases"] == {"m1": mailboxes.now_ms + LEASE_MS}
    assert mailboxes.settle(running) == "lost"
    assert mailboxes.settle(again) == "ok"


def test_an_effect_of_what_ended_may_start_at_once_with_its_body(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    effect = Publish(mailboxes.publication("effect", "another", on_dead=mailboxes.publication("sorry")))

    _, (started,) = exchange(mailboxes, [running.id, running.token, "ack", 0, "", "", "", 1, *effect.argv()])

    assert (started.id, started.body) == ("effect", b"body of effect")


def test_repeated_it_gives_both_replies_again_and_does_nothing(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}", f"box {number}")
    first = mailboxes.claim()
    ends = [first.id, first.token, "done"]

    once = exchange(mailboxes, ends, n=1, sequence=7)
    again = exchange(mailboxes, ends, n=1, sequence=7)

    assert again == once
    assert [one.id for one in once[1]] == ["m1"]
    assert (mailboxes.stats().done, mailboxes.stats().running, mailboxes.stats().waiting) == (1, 1, 1)

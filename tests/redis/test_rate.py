"""How often the messages of one mailbox may start, and what it costs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from mailboxes import LEASE_MS, Mailboxes

if TYPE_CHECKING:
    from okos.mailbox.delivery import Claimed

Open = Callable[..., Mailboxes]


def starts(mailboxes: Mailboxes, total_ms: int, *, step_ms: int = 100) -> list[int]:
    """Start and end whatever can start for a while; returns when each start was, from now."""
    begin = mailboxes.now_ms
    instants = []
    while mailboxes.now_ms - begin <= total_ms:
        while claimed := mailboxes.claim_all().started:
            for one in claimed:
                instants.append(mailboxes.now_ms - begin)
                mailboxes.settle(one)
        mailboxes.advance(step_ms)
    return instants


def test_a_burst_starts_at_once_and_the_rest_at_the_rate(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=0.5, burst=5)
    for number in range(10):
        mailboxes.publish(f"m{number}")

    assert starts(mailboxes, 10_000) == [0, 0, 0, 0, 0, 2000, 4000, 6000, 8000, 10_000]


def test_a_mailbox_at_its_limit_holds_nobody_else(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=1)
    for number in range(3):
        mailboxes.publish(f"m{number}", "a")
    mailboxes.settle(mailboxes.claim())
    mailboxes.publish("other", "b")

    assert mailboxes.ids() == ["other"]
    assert mailboxes.claim_all().due_ms == 1000


def test_a_dear_message_takes_its_cost(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=4)
    mailboxes.publish("m0", cost=3)
    mailboxes.publish("m1", cost=3)
    mailboxes.publish("m2", cost=1)

    assert starts(mailboxes, 5000) == [0, 2000, 3000]


def test_a_message_dearer_than_the_burst_starts_when_the_bucket_is_empty_and_is_paid_in_full(
    open_mailboxes: Open,
) -> None:
    mailboxes = open_mailboxes(rate=1, burst=2)
    mailboxes.publish("m0", cost=1)
    mailboxes.publish("m1", cost=10)
    mailboxes.publish("m2", cost=1)

    # m1 after one second, when all that m0 cost has leaked; m2 when 10 of 11 have
    assert starts(mailboxes, 12_000) == [0, 1000, 10_000]


def test_a_message_that_costs_nothing_starts_at_once(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=1)
    mailboxes.publish("m0")
    mailboxes.publish("free", cost=0)
    mailboxes.publish("m1")

    assert starts(mailboxes, 1000) == [0, 0, 1000]


@pytest.mark.parametrize("op", ["retry", "release", "unstarted", "defer", "stall"])
def test_running_again_is_not_charged(open_mailboxes: Open, op: str) -> None:
    mailboxes = open_mailboxes(rate=1, burst=2)
    mailboxes.publish("m0")
    mailboxes.publish("m1")
    first = mailboxes.claim()
    if op == "stall":
        mailboxes.live_through(LEASE_MS)
        mailboxes.sweep()
    else:
        mailboxes.settle(first, op)

    mailboxes.settle(mailboxes.claim())

    assert mailboxes.ids() == ["m1"]


def test_a_dead_letter_that_is_requeued_is_charged_anew(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=1)
    mailboxes.publish("m0")
    mailboxes.settle(mailboxes.claim(), "dead", error="boom")
    assert mailboxes.store.call("requeue", "m0") == 1

    assert mailboxes.ids() == []
    mailboxes.advance(999)
    assert mailboxes.ids() == []
    mailboxes.advance(1)

    assert mailboxes.ids() == ["m0"]


def test_the_real_cost_is_settled_at_the_end(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=10)
    mailboxes.publish("m0", cost=1)
    mailboxes.publish("m1", cost=10)
    mailboxes.settle(mailboxes.claim(), cost=5.5)

    mailboxes.advance(5499)
    assert mailboxes.ids() == []
    mailboxes.advance(1)

    assert mailboxes.ids() == ["m1"]


def test_what_cost_less_than_charged_is_given_back(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=10)
    mailboxes.publish("m0", cost=10)
    mailboxes.publish("m1", cost=10)

    mailboxes.settle(mailboxes.claim(), cost=0)

    assert mailboxes.ids() == ["m1"]


def test_a_real_cost_of_a_retry_is_counted_once(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=10)
    mailboxes.publish("m0", cost=1)
    mailboxes.publish("m1", cost=10)
    mailboxes.settle(mailboxes.claim(), "retry", cost=4)

    mailboxes.settle(mailboxes.claim(), cost=6)

    assert mailboxes.claim_all().due_ms == 6000


def test_delayed_and_held_messages_are_charged_when_they_start(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=1)
    mailboxes.publish("m0", delay_ms=5000)
    mailboxes.publish("m1", "a")

    assert starts(mailboxes, 6000) == [0, 5000]


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(("rate", "burst"), [(1, 1), (2.5, 4), (0.3, 2), (7, 20)])
def test_starts_never_exceed_the_burst_and_the_rate(open_mailboxes: Open, rate: float, burst: int, jobs: int) -> None:
    mailboxes = open_mailboxes(rate=rate, burst=burst, jobs=jobs)
    costs = [1 + (number * 7) % 5 / 2 for number in range(60)]
    for number, cost in enumerate(costs):
        mailboxes.publish(f"m{number}", cost=cost)

    spent: list[tuple[int, float]] = []
    running: list[Claimed] = []
    for turn in range(200):
        claimed = mailboxes.claim_all().started
        spent += [(mailboxes.now_ms, costs[int(one.id[1:])]) for one in claimed if one.attempt == 1]
        running += claimed
        while running and turn % 3:
            mailboxes.settle(running.pop(), "retry" if turn % 5 == 0 else "ack")
        mailboxes.advance([1, 37, 100, 999][turn % 4])

    assert len(spent) > burst
    for first in range(len(spent)):
        for last in range(first, len(spent)):
            took_s = (spent[last][0] - spent[first][0]) / 1000
            total = sum(cost for _, cost in spent[first : last + 1])
            assert total <= burst + rate * took_s + max(0, max(costs) - burst) + 1e-6


def test_the_bucket_of_a_mailbox_that_is_quiet_ends_by_itself(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=2, burst=4)
    mailboxes.publish("m0", cost=4)
    mailboxes.settle(mailboxes.claim())

    left_ms = mailboxes.admin.pttl(mailboxes.store.key("rate:a"))

    assert 2000 < left_ms <= 3000

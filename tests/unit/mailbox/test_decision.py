"""How a decision travels to the settle script."""

import pytest
from deliveries import a_delivery

from okos.mailbox.decision import Ack, Dead, Decision, Defer, Release, Retry
from okos.mailbox.wire import encode


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (Ack(), ["done"]),
        (Ack(cost=2.5), ["ack", 0, 2.5, b"", b"", 0]),
        (Retry(500, "boom", "line 1"), ["retry", 500, "", b"boom", b"line 1", 0]),
        (Dead("boom", "line 1"), ["dead", 0, "", b"boom", b"line 1", 0]),
        (Release(), ["release", 0, "", b"", b"", 0]),
        (Release(started=False), ["unstarted", 0, "", b"", b"", 0]),
        (Defer(3000), ["defer", 3000, "", b"", b"", 0]),
    ],
)
def test_a_decision_is_written_in_the_order_in_which_the_script_reads_it(
    decision: Decision, expected: list[object]
) -> None:
    assert encode(a_delivery(), decision) == ["m1", "7-ab", *expected]


def test_an_ack_carries_the_handler_s_effects_and_a_burial_the_policy_s() -> None:
    delivery = a_delivery()
    delivery.run.put("name", b"Ada", ttl_ms=1000)
    assert encode(delivery, Ack())[7:] == [1, "put", "name", b"Ada", 1000]

    delivery.run.handler_failed()
    delivery.run.delete("draft")

    assert encode(delivery, Dead("boom"))[7:] == [1, "delete", "draft"]


@pytest.mark.parametrize("decision", [Retry(0, ""), Release(), Release(started=False), Defer(0)])
def test_what_runs_again_carries_no_effects(decision: Decision) -> None:
    delivery = a_delivery()
    delivery.run.put("name", b"Ada", ttl_ms=1000)

    assert encode(delivery, decision)[-1] == 0


@pytest.mark.parametrize(
    "decision", [Ack(), Retry(0, ""), Dead("boom"), Release(), Release(started=False), Defer(3000)]
)
def test_every_end_of_an_attempt_tells_what_it_really_cost(decision: Decision) -> None:
    delivery = a_delivery()
    delivery.run.cost = 2.5

    assert encode(delivery, decision)[4] == 2.5


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1])
def test_a_cost_that_is_none_is_left_as_it_was_charged(cost: float) -> None:
    delivery = a_delivery()
    delivery.run.cost = cost

    assert encode(delivery, Ack())[4] == ""


def test_an_error_that_is_no_unicode_is_kept_readable() -> None:
    assert encode(a_delivery(), Dead("lone \ud800"))[5] == rb"lone \ud800"


@pytest.mark.parametrize(("delay", "sent"), [(-5, 0), (0, 0), (1.9, 1)])
def test_a_wait_is_a_whole_number_from_zero_up(delay: float, sent: int) -> None:
    assert encode(a_delivery(), Retry(delay, "boom"))[3] == sent  # type: ignore[arg-type]  # as a handler may raise it

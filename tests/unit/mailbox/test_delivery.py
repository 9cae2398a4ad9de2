"""Who decides how an attempt ends, when several want to; and what must not start."""

import time

import pytest
from deliveries import a_delivery


def test_the_first_who_asks_decides_and_nobody_after_that() -> None:
    delivery = a_delivery()

    assert delivery.begin()
    assert delivery.decide()
    assert not delivery.decide()


def test_what_was_taken_back_before_it_started_never_starts() -> None:
    delivery = a_delivery()

    assert delivery.decide(if_unstarted=True)
    assert not delivery.begin()
    assert not delivery.decide()


def test_what_has_started_is_not_taken_back() -> None:
    delivery = a_delivery()
    delivery.begin()

    assert not delivery.decide(if_unstarted=True)
    assert delivery.decide()


@pytest.mark.parametrize("reason", ["lost", "cancelled"])
def test_what_is_lost_or_cancelled_before_it_starts_never_starts(reason: str) -> None:
    delivery = a_delivery()
    setattr(delivery, reason, True)

    assert not delivery.begin()
    assert not delivery.is_running()
    assert delivery.decide(if_unstarted=True)


def test_what_is_past_its_lease_never_starts() -> None:
    delivery = a_delivery()
    delivery.deadline = time.monotonic()

    assert not delivery.begin()

"""Who decides how an attempt ends, when several want to."""

import dramatiq

from okos.mailbox.delivery import Claimed, Delivery


def a_delivery() -> Delivery:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="text", actor_name="answer", args=(), kwargs={}, options={}, message_id="m1"
    )
    claimed = Claimed(
        id="m1",
        token="7-ab",  # noqa: S106
        body=b"",
        mailbox="local:7",
        attempt=1,
        retries=0,
        stalls=0,
        waited_ms=3,
        suspect=False,
    )
    return Delivery(message, claimed, deadline=float("inf"))


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

"""What is decided for a message about which no middleware has decided."""

import pytest
from deliveries import a_delivery
from dramatiq.errors import ActorNotFound

from okos.mailbox.consumer import decide
from okos.mailbox.decision import Ack, Dead, Decision, Retry
from okos.mailbox.policy import RetryPolicy

POLICY = RetryPolicy(max_retries=3, min_backoff=100, max_backoff=100)


def of_nobody(**options: int | str | None) -> Decision:
    """Decide about a message of an actor that this process does not know."""
    retries = options.pop("retries", 0)
    assert isinstance(retries, int)
    delivery = a_delivery(retries=retries, **options)
    delivery.fail()
    delivery.stuff_exception(ActorNotFound("answer"))  # type: ignore[no-untyped-call]  # Dramatiq's
    return decide(delivery, POLICY)


def test_no_error_is_an_ack_and_a_rejection_a_dead_letter() -> None:
    rejected = a_delivery()
    rejected.fail()

    assert decide(a_delivery(), POLICY) == Ack()
    assert decide(rejected, POLICY) == Dead("rejected")


def test_an_unknown_actor_is_tried_again_as_often_as_the_policy_says() -> None:
    assert isinstance(of_nobody(retries=2), Retry)
    assert isinstance(of_nobody(retries=3), Dead)


def test_an_unknown_actor_is_tried_again_as_often_as_its_message_says() -> None:
    assert isinstance(of_nobody(max_retries=0), Dead)
    assert isinstance(of_nobody(max_retries=5, retries=4), Retry)
    assert isinstance(of_nobody(max_retries=None, retries=1000), Retry)


def test_an_unknown_actor_waits_as_its_message_says() -> None:
    decision = of_nobody(min_backoff=9_000, max_backoff=9_000)

    assert isinstance(decision, Retry)
    assert 4_500 <= decision.delay_ms <= 9_000


@pytest.mark.parametrize("nonsense", [-1, "three", True])
def test_numbers_that_are_none_are_passed_over(nonsense: int | str) -> None:
    assert isinstance(of_nobody(max_retries=nonsense, min_backoff=nonsense, retries=2), Retry)
    assert isinstance(of_nobody(max_retries=nonsense, retries=3), Dead)


def test_an_error_that_cannot_say_what_it_is_is_judged_by_its_type() -> None:
    class Speechless(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    failed = a_delivery()
    failed.stuff_exception(Speechless())

    decision = decide(failed, POLICY)

    assert isinstance(decision, Retry)
    assert decision.error.startswith("Speechless: ")
    assert "Speechless" in decision.trace

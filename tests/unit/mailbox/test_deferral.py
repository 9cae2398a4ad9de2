"""The exception with which a handler asks for later."""

import pytest
from deliveries import a_delivery

from okos.mailbox import MailboxBroker, Postpone
from okos.mailbox.boundary import RunBoundary
from okos.mailbox.cancels import Cancelled
from okos.mailbox.decision import MOST_POSTPONED_MS, Decision, Defer, Release


def decision_about(exception: BaseException, *, interrupted: bool = False) -> Decision | None:
    broker = MailboxBroker("redis://127.0.0.1:1", middleware=[])
    delivery = a_delivery()
    if interrupted:
        delivery.interrupted_by = Cancelled
    RunBoundary(broker).after_process_message(broker, delivery, exception=exception)
    return delivery.decision


@pytest.mark.parametrize("delay_ms", [1, 3_000, MOST_POSTPONED_MS])
def test_it_is_a_deferral_by_its_delay(delay_ms: int) -> None:
    assert decision_about(Postpone(delay_ms)) == Defer(delay_ms)


def test_a_handler_that_is_interrupted_may_still_say_when() -> None:
    assert decision_about(Postpone(5), interrupted=True) == Defer(5)
    assert decision_about(Cancelled(), interrupted=True) == Release()


@pytest.mark.parametrize("delay_ms", [0, -1, MOST_POSTPONED_MS + 1, 1.5, True, "5", None])
def test_a_delay_that_is_none_is_refused(delay_ms: object) -> None:
    with pytest.raises(ValueError, match="delay_ms must be a whole number from 1 to 604,800,000, not "):
        Postpone(delay_ms)  # type: ignore[arg-type]  # as a handler may write it

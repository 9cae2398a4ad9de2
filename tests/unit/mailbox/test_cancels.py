"""A cancel that is heard before the claim's reply has been read: the message it names never starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deliveries import a_delivery

from okos.mailbox.cancels import REMEMBERED
from okos.mailbox.delivery import Delivery
from okos.mailbox.engine import Engine
from okos.mailbox.options import EngineOptions
from okos.mailbox.store import Store

if TYPE_CHECKING:
    from okos.mailbox.cancels import Cancels


@pytest.fixture
def cancels() -> Cancels:
    """Make the listener of an engine that does not run: it hears what the test says."""
    return Engine(Store("unix:///nowhere", "test"), EngineOptions(), threads=1).cancels


def test_what_was_cancelled_before_its_claim_was_read_never_starts(cancels: Cancels) -> None:
    cancels.cancel("m1")
    delivery = a_delivery(Delivery, 1)

    cancels.check(delivery)

    assert delivery.cancelled
    assert not delivery.begin()


def test_a_cancel_stops_nobody_else(cancels: Cancels) -> None:
    cancels.cancel("m1")
    delivery = a_delivery(Delivery, 2)

    cancels.check(delivery)

    assert not delivery.cancelled
    assert delivery.begin()


def test_a_cancel_stops_one_claim_and_not_the_message_s_next_life(cancels: Cancels) -> None:
    cancels.cancel("m1")
    cancels.check(a_delivery(Delivery, 1))
    again = a_delivery(Delivery, 1)

    cancels.check(again)

    assert again.begin()


def test_the_last_thousand_cancels_are_remembered_and_no_more(cancels: Cancels) -> None:
    for number in range(REMEMBERED + 1):
        cancels.cancel(f"m{number}")
    forgotten, oldest = a_delivery(Delivery, 0), a_delivery(Delivery, 1)

    for delivery in (forgotten, oldest):
        cancels.check(delivery)

    assert (forgotten.cancelled, oldest.cancelled) == (False, True)

"""How many messages a process takes beyond its free threads, and which of them it gives back."""

from __future__ import annotations

import time
from queue import SimpleQueue

import pytest
from deliveries import a_delivery

from okos.mailbox.ahead import BACK_S, Ahead
from okos.mailbox.delivery import Delivery
from okos.mailbox.engine import Engine
from okos.mailbox.options import EngineOptions
from okos.mailbox.store import Store

THREADS = 4
MOST = 64


def an_engine() -> Engine:
    """Make an engine of four threads that serves one queue; nothing of it runs."""
    engine = Engine(Store("unix:///nowhere", "test"), EngineOptions(), threads=THREADS)
    engine.inboxes["text"] = SimpleQueue()
    return engine


def in_hand(engine: Engine, count: int, *, taken_s: float | None = None, claimed_s: float = 0.0) -> None:
    """Have messages in hand: claimed that long ago, and with a thread for so long; None for no thread yet."""
    now = time.monotonic()
    for _ in range(count):
        delivery = a_delivery(Delivery, engine.holdings.claimed())
        delivery.claimed_at = now - claimed_s
        delivery.taken_at = None if taken_s is None else now - taken_s
        engine.holdings.add([delivery])


def test_a_process_that_knows_nothing_of_its_handlers_takes_one_for_each_thread() -> None:
    assert Ahead(an_engine()).room(MOST) == THREADS


def test_with_long_handlers_a_process_takes_one_for_each_thread() -> None:
    ahead = Ahead(an_engine())

    ahead.took(100.0)

    assert ahead.room(MOST) == THREADS


@pytest.mark.parametrize(("mean_ms", "room"), [(20.1, 4), (20.0, 5), (5.0, 8), (0.5, 44), (0.001, MOST)])
def test_with_quick_handlers_a_process_takes_what_it_will_start_within_five_milliseconds(
    mean_ms: float, room: int
) -> None:
    ahead = Ahead(an_engine())

    ahead.took(mean_ms)

    assert ahead.room(MOST) == room


def test_what_is_in_hand_takes_its_room() -> None:
    engine = an_engine()
    ahead = Ahead(engine)
    in_hand(engine, 3)
    assert ahead.room(MOST) == 1

    in_hand(engine, 2)

    assert ahead.room(MOST) == 0


def test_a_thread_whose_handler_turned_out_long_is_not_taken_ahead_for() -> None:
    engine = an_engine()
    ahead = Ahead(engine)
    ahead.took(0.5)

    in_hand(engine, 3, taken_s=1.0)

    assert ahead.room(MOST) == THREADS + 10 - 3


@pytest.mark.parametrize("reason", ["stopping", "serves nothing"])
def test_a_process_that_stops_or_serves_nothing_takes_nothing(reason: str) -> None:
    engine = an_engine()
    if reason == "stopping":
        engine.stopping = True
    else:
        engine.inboxes.clear()

    assert Ahead(engine).room(MOST) == 0


def test_when_all_threads_turned_out_long_what_has_waited_for_one_goes_back() -> None:
    engine = an_engine()
    ahead = Ahead(engine)
    ahead.took(0.5)
    in_hand(engine, THREADS, taken_s=1.0, claimed_s=1.0)
    in_hand(engine, 3, claimed_s=2 * BACK_S)
    in_hand(engine, 2)  # just claimed
    assert ahead.is_held()

    ahead.give_back()

    gone = [delivery for delivery in engine.holdings.snapshot() if delivery.abandoned]
    assert [delivery.claimed.id for delivery in gone] == ["m4", "m5", "m6"]
    assert engine.holdings.in_hand() == THREADS + 2


def test_while_a_thread_may_come_free_nothing_goes_back() -> None:
    engine = an_engine()
    ahead = Ahead(engine)
    ahead.took(0.5)
    in_hand(engine, THREADS - 1, taken_s=1.0, claimed_s=1.0)
    in_hand(engine, 1, taken_s=0.0, claimed_s=1.0)
    in_hand(engine, 3, claimed_s=1.0)

    ahead.give_back()

    assert engine.holdings.in_hand() == THREADS + 3

"""The bridge from worker threads to the event loop, and interrupts that come at the worst moment."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from deliveries import a_delivery
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker

from okos.mailbox.cancels import Cancelled
from okos.mailbox.delivery import Delivery, enter
from okos.middleware.event_loop import EventLoop, LoopThread


class InterruptedEarly(Delivery):
    """A delivery that is interrupted just before its thread says that it waits for a coroutine."""

    def runs_coroutine(self, cancel: Callable[[], object] | None) -> None:
        if cancel is not None:
            self.interrupt(Cancelled)
        super().runs_coroutine(cancel)


class InterruptedWhileItStarts(asyncio.SelectorEventLoop):
    """A loop that interrupts a delivery just before it is given its coroutine."""

    delivery: Delivery | None = None

    def call_soon_threadsafe(self, *args: object, **named: object) -> asyncio.Handle:
        delivery, self.delivery = self.delivery, None
        if delivery is not None:
            delivery.interrupt(Cancelled)
        return super().call_soon_threadsafe(*args, **named)  # type: ignore[arg-type]  # handed on as they came


@contextmanager
def begun(delivery: Delivery) -> Iterator[None]:
    """Be the thread on which the delivery's handler runs."""
    enter(delivery)
    delivery.begin()
    try:
        yield
    finally:
        delivery.end()
        enter(None)


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    thread.loop.close()
    thread.loop = InterruptedWhileItStarts()
    thread.start()
    yield thread
    thread.stop()


def let_turn(thread: LoopThread) -> None:
    """Let the loop do all that it was told until now."""
    for _ in range(3):
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), thread.loop).result(60)


class Steps:
    """What a coroutine came to."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def run(self) -> str:
        self.seen.append("began")
        try:
            await asyncio.sleep(3600)
        finally:
            self.seen.append("closed")
        return "never"


def test_a_coroutine_runs_on_the_loop_and_its_result_and_its_error_come_back(thread: LoopThread) -> None:
    async def fails() -> None:
        raise KeyError("k")

    async def answers() -> int:
        return 42

    with begun(a_delivery()):
        assert thread.run_coroutine(answers()) == 42
        with pytest.raises(KeyError):
            thread.run_coroutine(fails())


def test_an_interrupt_just_before_the_thread_waits_leaves_no_coroutine_behind(thread: LoopThread) -> None:
    steps = Steps()

    with begun(a_delivery(InterruptedEarly)), pytest.raises(Cancelled):
        thread.run_coroutine(steps.run())

    let_turn(thread)
    assert steps.seen in ([], ["began", "closed"])


def test_an_interrupt_while_the_coroutine_is_handed_over_cancels_it(thread: LoopThread) -> None:
    steps = Steps()
    delivery = a_delivery()
    assert isinstance(thread.loop, InterruptedWhileItStarts)
    thread.loop.delivery = delivery

    with begun(delivery), pytest.raises(Cancelled):
        thread.run_coroutine(steps.run())

    let_turn(thread)
    assert steps.seen in ([], ["began", "closed"])


def test_an_interrupt_of_a_running_coroutine_comes_back_when_it_has_closed_what_it_held(thread: LoopThread) -> None:
    steps = Steps()
    delivery = a_delivery()

    async def interrupts_itself() -> str:
        asyncio.get_running_loop().call_later(0.01, delivery.interrupt, Cancelled)
        return await steps.run()

    with begun(delivery), pytest.raises(Cancelled):
        thread.run_coroutine(interrupts_itself())

    assert steps.seen == ["began", "closed"]


async def exits(error: BaseException) -> None:
    raise error


async def exits_in_a_task(error: BaseException) -> None:
    await asyncio.create_task(exits(error))


async def exits_in_a_callback(error: BaseException) -> None:
    def exit_now() -> None:
        raise error

    asyncio.get_running_loop().call_soon(exit_now)
    await asyncio.sleep(0.01)
    raise error


async def stops_the_loop(error: BaseException) -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    raise error


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError(1)])
@pytest.mark.parametrize("how", [exits, exits_in_a_task, exits_in_a_callback, stops_the_loop])
def test_whatever_a_coroutine_raises_comes_back_to_its_own_thread_and_the_others_run_on(
    thread: LoopThread,
    how: Callable[[BaseException], Coroutine[Any, Any, None]],  # Any: asyncio's own
    error: BaseException,
) -> None:
    gate = asyncio.Event()
    beside = asyncio.run_coroutine_threadsafe(gate.wait(), thread.loop)

    with begun(a_delivery()), pytest.raises(type(error)):
        thread.run_coroutine(how(error))

    thread.loop.call_soon_threadsafe(gate.set)
    assert beside.result(60) is True
    assert thread.is_alive()


def test_a_loop_stops_though_what_is_cancelled_for_it_exits(thread: LoopThread) -> None:
    async def exits_when_cancelled() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            sys.exit(1)

    asyncio.run_coroutine_threadsafe(exits_when_cancelled(), thread.loop)
    let_turn(thread)

    thread.stop()

    assert not thread.is_alive()


def break_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Close the descriptor that the loop waits on, as somebody does who closes a number twice."""
    os.close(loop._selector.fileno())  # type: ignore[attr-defined]  # asyncio's own


@pytest.fixture
def event_loop() -> Iterator[EventLoop]:
    event_loop, broker = EventLoop(), StubBroker(middleware=[])
    worker = Worker(broker)
    event_loop.before_worker_boot(broker, worker)
    yield event_loop
    event_loop.before_worker_shutdown(broker, worker)
    event_loop.after_worker_shutdown(broker, worker)


def test_a_loop_that_breaks_ends_what_ran_on_it_and_the_next_coroutine_has_another(event_loop: EventLoop) -> None:
    waiting, delivery = threading.Event(), a_delivery()
    errors: list[BaseException] = []

    async def waits() -> None:
        waiting.set()
        await asyncio.sleep(3600)

    def run_one() -> None:
        with begun(delivery):
            try:
                event_loop.run_coroutine(waits())
            except RuntimeError as error:
                errors.append(error)

    beside = threading.Thread(target=run_one)
    beside.start()
    assert waiting.wait(60)
    broken = event_loop.loop

    broken.call_soon_threadsafe(break_loop, broken)
    beside.join(60)

    assert [str(error).split(":")[0] for error in errors] == ["the event loop broke"]
    assert event_loop.run_coroutine(asyncio.sleep(0, "fresh")) == "fresh"
    assert event_loop.loop is not broken


def test_an_interrupt_that_comes_when_the_loop_has_broken_harms_nobody(thread: LoopThread) -> None:
    delivery = a_delivery()
    cancels: list[Callable[[], object] | None] = []

    async def breaks() -> None:
        cancels.append(delivery.cancel_task)
        break_loop(asyncio.get_running_loop())
        await asyncio.sleep(3600)

    with begun(delivery):
        with pytest.raises(RuntimeError, match="broke"):
            thread.run_coroutine(breaks())
        thread.join(60)

        delivery.runs_coroutine(cancels[0])
        assert delivery.interrupt(Cancelled)
        with pytest.raises(RuntimeError, match="broke"):
            thread.run_coroutine(breaks())

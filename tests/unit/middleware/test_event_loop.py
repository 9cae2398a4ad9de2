"""The bridge from worker threads to the event loop, and interrupts that come at the worst moment."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
import pytest

from okos.mailbox.cancels import Cancelled
from okos.mailbox.delivery import Claimed, Delivery, enter
from okos.middleware.event_loop import LoopThread


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


def a_delivery(kind: type[Delivery] = Delivery) -> Delivery:
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
    return kind(message, claimed, deadline=float("inf"))


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

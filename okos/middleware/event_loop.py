"""The event loop on which a worker process runs its coroutines."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import dramatiq.asyncio
from dramatiq.middleware import Interrupt, Middleware

from okos.mailbox.delivery import current_delivery

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dramatiq import Broker, Worker

R = TypeVar("R")

#: A loop that does not stop in this time is left to die with the process.
STOP_S = 2.0


class _Call(Generic[R]):
    """One coroutine on the loop, and what came of it. All but `outcome` is for the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, R]) -> None:
        self.outcome: Future[R] = Future()
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[R] | None = None

    def start(self) -> None:
        """Start it, unless it was cancelled before."""
        if not self.outcome.done():
            self._task = self._loop.create_task(self._coroutine)
            self._task.add_done_callback(self._hand_over)

    def cancel(self) -> None:
        """Cancel it, started or not."""
        if self._task is not None:
            self._task.cancel()
        elif not self.outcome.done():
            self._coroutine.close()
            self.outcome.set_exception(CancelledError())

    def _hand_over(self, done: asyncio.Task[R]) -> None:
        if done.cancelled():
            self.outcome.set_exception(CancelledError())
        elif (error := done.exception()) is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(done.result())


class LoopThread(threading.Thread):
    """Runs coroutines for worker threads, which wait without waking up: a thousand waiting threads cost nothing.

    Cancellation, time limits and shutdown reach a coroutine as `task.cancel()`; its thread waits until it has closed
    what it held, and then raises the reason.
    """

    def __init__(self) -> None:
        super().__init__(name="okos-loop", daemon=True)
        self.loop = asyncio.new_event_loop()
        self._hangs = False

    def run(self) -> None:
        """Run the loop until it is stopped."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def look(self) -> None:
        """See whether the loop still turns; if it hangs, what asks for it is refused, and does not wait."""
        turns = threading.Event()
        self.loop.call_soon_threadsafe(turns.set)
        self._hangs = not turns.wait(STOP_S)

    def stop(self) -> None:
        """Cancel what still runs and stop the loop; waits for a bounded time only."""
        if self.is_alive() and not self._hangs:
            asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop)
            self.join(STOP_S)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop and wait for it, on the worker thread that calls. It sees the thread's context.

        Raises:
            Interrupt: The run was interrupted and the coroutine has ended.
            RuntimeError: The loop hangs: a coroutine does not give it back.
        """
        if self._hangs:
            coroutine.close()
            raise RuntimeError("the event loop hangs in a coroutine that does not give it back")
        call = _Call(self.loop, coroutine)
        delivery = current_delivery()
        try:
            if delivery is not None:
                # Before it starts: from here on an interrupt is a cancellation, and not an exception in this thread.
                delivery.runs_coroutine(lambda: self.loop.call_soon_threadsafe(call.cancel))
            self.loop.call_soon_threadsafe(call.start)
            return call.outcome.result()
        except CancelledError:
            if delivery is not None and delivery.interrupted_by is not None:
                raise delivery.interrupted_by from None
            raise
        except Interrupt:
            # One that was on its way to this thread before that. Nothing may run on when its run is over.
            self.loop.call_soon_threadsafe(call.cancel)
            wait([call.outcome])
            raise
        finally:
            if delivery is not None:
                delivery.runs_coroutine(None)

    async def _wind_down(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.stop()


class EventLoop(Middleware):
    """Gives `async def` actors one event loop per worker process, on a thread of its own."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start the loop and make it the one that Dramatiq runs async actors on."""
        del broker, worker
        self._thread = LoopThread()
        self._thread.start()
        # Dramatiq asks for its own class but needs only `run_coroutine`.
        dramatiq.asyncio.set_event_loop_thread(cast("Any", self._thread))

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """See whether the loop turns, before others want to close on it what they opened there."""
        del broker, worker
        if self._thread is not None:
            self._thread.look()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Stop the loop; nothing runs on it any more."""
        del broker, worker
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
            dramatiq.asyncio.set_event_loop_thread(None)

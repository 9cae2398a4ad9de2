"""The event loop on which a worker process runs its coroutines."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dramatiq.asyncio
from dramatiq.middleware import Middleware

from okos.mailbox.delivery import current_delivery

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dramatiq import Broker, Worker

R = TypeVar("R")

#: A loop that does not stop in this time is left to die with the process.
STOP_S = 2.0


class LoopThread(threading.Thread):
    """Runs coroutines for worker threads, which wait without waking up: a thousand waiting threads cost nothing.

    Cancellation, time limits and shutdown reach a coroutine as `task.cancel()`; its thread waits until it has closed
    what it held, and then raises the reason.
    """

    def __init__(self) -> None:
        super().__init__(name="okos-loop", daemon=True)
        self.loop = asyncio.new_event_loop()

    def run(self) -> None:
        """Run the loop until it is stopped."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def stop(self) -> None:
        """Cancel what still runs and stop the loop; waits for a bounded time only."""
        if self.is_alive():
            asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop)
            self.join(STOP_S)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop and wait for it, on the worker thread that calls. It sees the thread's context.

        Raises:
            Interrupt: The run was interrupted and the coroutine has ended.
        """
        outcome: Future[R] = Future()
        task: asyncio.Task[R] | None = None

        def start() -> None:
            nonlocal task
            task = self.loop.create_task(coroutine)
            task.add_done_callback(hand_over)

        def hand_over(done: asyncio.Task[R]) -> None:
            if done.cancelled():
                outcome.set_exception(CancelledError())
            elif (error := done.exception()) is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(done.result())

        def cancel() -> None:
            if task is not None:
                task.cancel()

        self.loop.call_soon_threadsafe(start)
        delivery = current_delivery()
        if delivery is None:
            return outcome.result()
        delivery.runs_coroutine(lambda: self.loop.call_soon_threadsafe(cancel))
        try:
            return outcome.result()
        except CancelledError:
            if delivery.interrupted_by is not None:
                raise delivery.interrupted_by from None
            raise
        finally:
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

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Stop the loop; nothing runs on it any more."""
        del broker, worker
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
            dramatiq.asyncio.set_event_loop_thread(None)

"""The event loop on which a worker process runs its coroutines.

Whatever a coroutine raises is the outcome of its own message, `SystemExit` and `KeyboardInterrupt` included: asyncio
takes those two out of the loop with it, so the loop is turned on. One that breaks all the same ends what ran on it with
an error, and the next message starts another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import CancelledError, Future, wait
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import dramatiq.asyncio
from dramatiq.middleware import Interrupt, Middleware

from okos.mailbox.delivery import current_delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dramatiq import Broker, Worker

log = logging.getLogger(__name__)

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

    def tell(self, step: Callable[[], object]) -> None:
        """Have the loop's thread do a step of this call; a loop that is closed has ended the call already."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(step)

    def cancel(self) -> None:
        """Cancel it, started or not."""
        if self._task is not None:
            self._task.cancel()
        elif not self.outcome.done():
            self._coroutine.close()
            self.outcome.set_exception(CancelledError())

    def fail(self, error: BaseException) -> None:
        """End it with an error, wherever it is: its loop turns no more."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
        if self._task is None:
            self._coroutine.close()

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
        self._stops = False
        self._calls: set[_Call[Any]] = set()  # Any: each returns something else
        self._ended = ""
        self._lock = threading.Lock()

    @property
    def is_broken(self) -> bool:
        """Say whether the loop has ended though nobody stopped it."""
        return bool(self._ended) and not self._stops

    def run(self) -> None:
        """Run the loop until it is stopped."""
        asyncio.set_event_loop(self.loop)
        ended = "the event loop has ended"
        try:
            while not self._stops:
                self._turn()
        except BaseException as error:  # the top of this thread
            log.exception("the event loop broke; what ran on it has failed, and another takes its place")
            ended = f"the event loop broke: {type(error).__name__}: {error}"
        finally:
            with self._lock:
                self._ended = ended
                calls = list(self._calls)
            with contextlib.suppress(Exception):  # of one that broke
                self.loop.close()
            for call in calls:
                call.fail(RuntimeError(ended))

    def _turn(self) -> None:
        """Turn the loop until it is stopped or something raises out of it."""
        try:
            self.loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            # Its task has kept it, too, and hands it to whoever waits; what was to be done next, is.
            log.warning("a coroutine raised %s; the event loop goes on", type(error).__name__)

    def look(self) -> None:
        """See whether the loop still turns; if it hangs, what asks for it is refused, and does not wait."""
        turns = threading.Event()
        with contextlib.suppress(RuntimeError):  # it is closed
            self.loop.call_soon_threadsafe(turns.set)
            self._hangs = not turns.wait(STOP_S)

    def stop(self) -> None:
        """Cancel what still runs and stop the loop; waits for a bounded time only."""
        if self.is_alive() and not self._hangs and not self._ended:
            asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop)
            self.join(STOP_S)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop and wait for it, on the worker thread that calls. It sees the thread's context.

        Raises:
            Interrupt: The run was interrupted and the coroutine has ended.
            RuntimeError: The loop hangs: a coroutine does not give it back. Or it broke.
        """
        if self._hangs:
            coroutine.close()
            raise RuntimeError("the event loop hangs in a coroutine that does not give it back")
        call = self._open(coroutine)
        delivery = current_delivery()
        try:
            if delivery is not None:
                # Before it starts: from here on an interrupt is a cancellation, and not an exception in this thread.
                delivery.runs_coroutine(lambda: call.tell(call.cancel))
            call.tell(call.start)
            return call.outcome.result()
        except CancelledError:
            if delivery is not None and delivery.interrupted_by is not None:
                raise delivery.interrupted_by from None
            raise
        except Interrupt:
            # One that was on its way to this thread before that. Nothing may run on when its run is over.
            call.tell(call.cancel)
            wait([call.outcome])
            raise
        finally:
            if delivery is not None:
                delivery.runs_coroutine(None)
            with self._lock:
                self._calls.discard(call)

    def _open(self, coroutine: Coroutine[Any, Any, R]) -> _Call[R]:
        """Note a call, so that it ends with the loop at the latest."""
        call = _Call(self.loop, coroutine)
        with self._lock:
            if not self._ended:
                self._calls.add(call)
                return call
        coroutine.close()
        raise RuntimeError(self._ended)

    async def _wind_down(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stops = True
        self.loop.stop()


class EventLoop(Middleware):
    """Gives `async def` actors one event loop per worker process, on a thread of its own."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None
        self._lock = threading.Lock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs now, as Dramatiq's own class names it."""
        return self._running().loop

    def run_coroutine(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine on the loop and wait for it; as `LoopThread` does. One that broke is replaced."""
        try:
            thread = self._running()
        except BaseException:
            coroutine.close()
            raise
        return thread.run_coroutine(coroutine)

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start the loop and make it the one that Dramatiq runs async actors on."""
        del broker, worker
        self._thread = LoopThread()
        self._thread.start()
        # Dramatiq asks for its own class but needs only `run_coroutine`.
        dramatiq.asyncio.set_event_loop_thread(cast("Any", self))

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

    def _running(self) -> LoopThread:
        with self._lock:
            if self._thread is None:
                raise RuntimeError("the event loop runs only while a worker does")
            if self._thread.is_broken:
                self._thread = LoopThread()
                self._thread.start()
            return self._thread

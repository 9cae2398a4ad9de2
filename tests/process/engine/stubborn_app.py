"""More handlers for the engine's process tests, of the kind that does not do as it is told: `dramatiq stubborn_app`."""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

import dramatiq
import dramatiq.asyncio
from dramatiq.middleware import Middleware
from engine_app import broker, note, reply

from okos.mailbox import Postpone, current_run

__all__ = ["broker"]


class Closes(Middleware):
    """Has something to do when the worker stops: on the event loop, or for ever."""

    def __init__(self, how: str) -> None:
        self._how = how

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Close something."""
        del broker, worker
        if self._how == "on the loop":
            loop = dramatiq.asyncio.get_event_loop_thread()
            assert loop is not None
            loop.run_coroutine(asyncio.sleep(0))
        elif self._how == "never":
            threading.Event().wait()


broker.add_middleware(Closes(os.environ.get("STUBBORN_APP", "")))


@dramatiq.actor(queue_name="text")
def stick(user: str, number: int) -> None:
    """Call C code that returns in an hour."""
    note("start", user, number)
    reply(user, number)
    time.sleep(3600)


@dramatiq.actor(queue_name="text")
def come_back(user: str, number: int, gate: str) -> None:
    """Call C code that returns when the gate is opened; then go on as if nothing had happened. Only the first time."""
    run = current_run()
    assert run is not None
    note("start", user, number)
    if run.attempt == 1:
        reading = os.open(gate, os.O_RDONLY)  # a pipe: waits for somebody who writes
        os.close(reading)
    reply(user, number)
    note("end", user, number)


@dramatiq.actor(queue_name="photo")
async def clog(user: str, number: int) -> None:
    """Call what returns in an hour, on the event loop that all coroutines of the process share."""
    note("start", user, number)
    time.sleep(3600)  # noqa: ASYNC251  # the mistake that is tested


@dramatiq.actor(queue_name="photo")
async def nap(user: str, number: int) -> None:
    """Use the event loop."""
    note("start", user, number)
    await asyncio.sleep(0)
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def postpone(user: str, number: int, until: str, ms: int) -> None:
    """Ask for later, as long as there is no file `until`."""
    note("start", user, number)
    reply(user, number)
    if not Path(until).exists():
        raise Postpone(ms)
    note("end", user, number)


@dramatiq.actor(queue_name="photo")
async def postpone_async(user: str, number: int, until: str, ms: int) -> None:
    """Likewise, as a coroutine."""
    note("start", user, number)
    if not Path(until).exists():  # noqa: ASYNC240  # a test's gate is a file
        raise Postpone(ms)
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def leave(user: str, number: int, fails: int) -> None:
    """Ask for the end of the whole OS process, in the first `fails` attempts."""
    run = current_run()
    assert run is not None
    note("start", user, number)
    reply(user, number)
    if run.attempt <= fails:
        sys.exit(1)
    note("end", user, number)


@dramatiq.actor(queue_name="photo")
async def leave_async(user: str, number: int, fails: int) -> None:
    """Likewise, as a coroutine."""
    leave.fn(user, number, fails)


@dramatiq.actor(queue_name="photo")
async def cut(user: str, number: int) -> None:
    """Close the descriptor that the event loop waits on, as somebody does who closes a number twice; the first time."""
    run = current_run()
    assert run is not None
    note("start", user, number)
    if run.attempt == 1:
        os.close(asyncio.get_running_loop()._selector.fileno())  # type: ignore[attr-defined]  # asyncio's own
        await asyncio.sleep(3600)
    note("end", user, number)

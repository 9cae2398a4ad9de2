"""The handlers that the engine's process tests run under the stock command: `dramatiq engine_app`.

Each writes a line when it starts and one when it ends; a test reads afterwards what was lost, doubled, overlapped or
reordered.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import time
from pathlib import Path

import dramatiq

from okos.mailbox import MailboxBroker, RunOver, current_run
from okos.middleware import EndWithParent, EventLoop, RateLimit, Retry, Shutdown, TimeLimit, UserMutex

OPTIONS = json.loads(os.environ["ENGINE_APP"])

broker = MailboxBroker(
    OPTIONS["url"],
    namespace=OPTIONS["namespace"],
    lease_ms=OPTIONS["lease_ms"],
    middleware=[
        UserMutex(),
        RateLimit(**OPTIONS["rate"]),
        TimeLimit(),
        Shutdown(grace_ms=OPTIONS["grace_ms"]),
        EventLoop(),
        Retry(max_retries=3, min_backoff=20, max_backoff=100),
        EndWithParent(),
    ],
)
dramatiq.set_broker(broker)
_journal = os.open(OPTIONS["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(what: str, user: str, number: int) -> None:
    """Write one line, in one write, so that lines of several processes do not mix. Attempt 0: none any more."""
    run = current_run()
    line = [time.time(), os.getpid(), user, number, 0 if run is None else run.attempt, what]
    os.write(_journal, (json.dumps(line) + "\n").encode())


def reply(user: str, number: int) -> None:
    """Send an answer: an effect of this run."""
    broker.enqueue(
        dramatiq.Message(
            queue_name="outbox.test",
            actor_name="deliver",
            args=(user, number),
            kwargs={},
            options={"mailbox": f"outbox.{user}"},
        )
    )


@dramatiq.actor(queue_name="text")
def work(user: str, number: int, ms: float = 0, fails: int = 0) -> None:
    """Take some time; fail the first `fails` attempts."""
    run = current_run()
    assert run is not None
    note("start", user, number)
    reply(user, number)
    if ms:
        time.sleep(ms / 1000)
    if run.attempt <= fails:
        note("fail", user, number)
        raise ValueError(f"attempt {run.attempt} of {user} {number}")
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def wait(user: str, number: int, gate: str, fails: int = 0) -> None:
    """Run until the file `gate` is there."""
    run = current_run()
    assert run is not None
    note("start", user, number)
    reply(user, number)
    while not Path(gate).exists():
        time.sleep(0.01)
    if run.attempt <= fails:
        note("fail", user, number)
        raise ValueError(f"attempt {run.attempt} of {user} {number}")
    note("end", user, number)


@dramatiq.actor(queue_name="photo")
async def wait_async(user: str, number: int, gate: str) -> None:
    """Run until the file `gate` is there, as a coroutine."""
    note("start", user, number)
    reply(user, number)
    try:
        while not Path(gate).exists():  # noqa: ASYNC240, ASYNC110  # a test's gate is a file
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("cancelled", user, number)
        raise
    finally:
        note("closed", user, number)
    note("end", user, number)


@dramatiq.actor(queue_name="photo")
async def hurry(user: str, number: int) -> None:
    """End at once, as a coroutine."""
    note("start", user, number)
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def mangle(user: str, number: int) -> None:
    """Fail with a reason that is no Unicode text."""
    note("start", user, number)
    raise ValueError("lone \ud800")


@dramatiq.actor(queue_name="text")
def die(user: str, number: int) -> None:
    """Take the whole OS process down."""
    note("start", user, number)
    os._exit(1)


@dramatiq.actor(queue_name="text")
def need(user: str, number: int, path: str) -> None:
    """Fail as long as there is no file `path`."""
    note("start", user, number)
    reply(user, number)
    if not Path(path).exists():
        note("fail", user, number)
        raise ValueError(f"there is no {path}")
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def grip(user: str, number: int, fifo: str) -> None:
    """Call C code that holds the interpreter's lock, in the first attempt: nothing else of this OS process runs.

    It returns when somebody opens the pipe to write to it.
    """
    run = current_run()
    assert run is not None
    note("start", user, number)
    reply(user, number)
    if run.attempt == 1:
        ctypes.PyDLL(None).open(fifo.encode(), os.O_RDONLY)
    note("end", user, number)


@dramatiq.actor(queue_name="text")
def hang(user: str, number: int) -> None:
    """Call C code that returns in an hour; no interrupt reaches it."""
    note("start", user, number)
    reply(user, number)
    time.sleep(3600)


@dramatiq.actor(queue_name="photo")
async def deaf(user: str, number: int, gate: str) -> None:
    """Go on whoever cancels it, until the file `gate` is there; then send an answer."""
    note("start", user, number)
    while not Path(gate).exists():  # noqa: ASYNC240  # a test's gate is a file
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)
    try:
        reply(user, number)
    except RunOver:
        note("refused", user, number)


@dramatiq.actor(queue_name="maintenance")
def sweep() -> None:
    """What a scheduler asks for."""
    broker.sweep()


@dramatiq.actor(queue_name="maintenance")
def prune() -> None:
    """What a scheduler asks for."""
    broker.prune()

"""What the workers run, an entry point: `dramatiq chaos.worker`.

Every handler notes its start and its end, and has two effects that only its ack commits: a reply in an outbox, and a
line in a stored list of its user. The list tells afterwards which run of a message was the one that counted.
What to connect to comes by the environment, for the `dramatiq` command passes nothing else on.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dramatiq
from dramatiq.middleware import Interrupt

from chaos.letter import DAY_MS, DEADLY, DOOMED, HUNG, OUTBOX, SHAKY, commits_of
from chaos.note import DONE, FAILED, START, STOPPED, Notebook
from okos.mailbox import MailboxBroker, current_run
from okos.middleware import EndWithParent, EventLoop, History, RateLimit, Retry, Shutdown, TimeLimit, UserMutex

_options = json.loads(os.environ["CHAOS"])
_notebook = Notebook(Path(_options["notes"]))

broker = MailboxBroker(
    _options["url"],
    lease_ms=_options["lease_ms"],
    middleware=[
        EndWithParent(),
        UserMutex(max_jobs_per_user=_options["jobs"]),
        RateLimit(**_options["rate"]),
        TimeLimit(),
        Shutdown(grace_ms=_options["grace_ms"]),
        EventLoop(),
        History(dead_count=_options["dead_count"]),
        Retry(max_retries=_options["max_retries"], min_backoff=100, max_backoff=1000),
    ],
)
dramatiq.set_broker(broker)


class Failure(Exception):
    """What a handler raises that is meant to fail."""


def _fail_as_told(how: str, attempt: int) -> None:
    if how == DOOMED or (how == SHAKY and attempt == 1):
        raise Failure(f"attempt {attempt}")


@contextmanager
def _noted(user: str, seq: int, how: str) -> Iterator[None]:
    """Note a run's start and end, promise its effects, and fail as told."""
    run = current_run()
    assert run is not None  # noqa: S101 - a handler has a run
    attempt, token = run.attempt, run.token
    what = STOPPED
    try:
        # an interrupt may come as soon as this is written, and then the end has to be, too
        _notebook.write(user, seq, attempt, token, START)
        if how == DEADLY and attempt == 1:
            os._exit(9)
        if how == HUNG and attempt == 1:
            time.sleep(3600)  # no interrupt reaches it there
        run.append(commits_of(user), f"{seq} {token}".encode(), keep=_options["keep_commits"], ttl_ms=DAY_MS)
        reply = dramatiq.Message[None](
            queue_name=OUTBOX,
            actor_name="deliver",
            args=(user, seq, token),
            kwargs={},
            options={"mailbox": f"{OUTBOX}.{user}", "strict": True},
        )
        broker.enqueue(reply)
        yield
        _fail_as_told(how, attempt)
        what = DONE
    except (Interrupt, asyncio.CancelledError):
        raise
    except Exception:
        what = FAILED
        raise
    finally:
        try:
            _notebook.write(user, seq, attempt, token, what)
        except Interrupt:
            _notebook.write(user, seq, attempt, token, what)  # a second end of a run is passed over
            raise


@dramatiq.actor(queue_name="threads")
def work(user: str, seq: int, how: str, ms: int) -> None:
    """Take some time on a thread, in small pieces so that it can be interrupted."""
    with _noted(user, seq, how):
        until = time.monotonic() + ms / 1000
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))


@dramatiq.actor(queue_name="coroutines")
async def work_async(user: str, seq: int, how: str, ms: int) -> None:
    """Take some time on the event loop."""
    with _noted(user, seq, how):
        await asyncio.sleep(ms / 1000)


if not _options["old"]:

    @dramatiq.actor(queue_name="threads")
    def new_work(user: str, seq: int, how: str, ms: int) -> None:
        """Do what a worker of an older release does not know."""
        work.fn(user, seq, how, ms)

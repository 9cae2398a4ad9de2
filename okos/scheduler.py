"""The scheduler: APScheduler sends the maintenance messages, `sweep` and `prune`, to their actors.

It does no maintenance itself and remembers nothing: it may die, or run twice, without harm. A message of each
name waits at most once (backlog 1), however many schedulers there are and however late the workers.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import dramatiq
import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]  # it has no types

from okos.errors import OkosError
from okos.mailbox import MailboxBroker, MailboxFull, StoreUnavailable
from okos.server import live_url
from okos.settings import Settings

QUEUE = "maintenance"

_LOOK_S = 0.5

_log = structlog.get_logger()


class NoServer(OkosError):
    """There is no server to send to."""


def maintenance_message(name: str) -> dramatiq.Message[None]:
    """Make the message that runs a maintenance actor: at most one waits, alone in its mailbox."""
    return dramatiq.Message(
        queue_name=QUEUE,
        actor_name=name,
        args=(),
        kwargs={},
        options={"mailbox": f"{QUEUE}:{name}", "max_backlog": 1, "max_retries": 0, "housekeeping": True},
    )


def send(broker: MailboxBroker, name: str) -> None:
    """Send one maintenance message, unless one waits already. A server that is away is tried again next time."""
    try:
        broker.enqueue(maintenance_message(name))
    except MailboxFull:
        _log.debug("maintenance still waits", name=name)
    except StoreUnavailable as error:
        _log.warning("maintenance not sent", name=name, reason=str(error))


def run_scheduler(settings: Settings) -> None:
    """Send maintenance messages until SIGINT or SIGTERM, or until the process that started us is gone.

    Raises:
        NoServer: None is configured, and none runs in OKOS_HOME.
        WrongSchema: Another release has stored what is there.
    """
    url = live_url(settings)
    if url is None:
        raise NoServer(f"no server runs in {settings.home}: start `okos up`, or set OKOS_REDIS_URL")
    broker = MailboxBroker(url, namespace=settings.namespace, middleware=[])
    broker.require_schema()
    parent = os.getppid()
    stopped = _stopped_by_signal()
    # UTC, as intervals need no time zone, and a container may have none that can be read.
    scheduler = BackgroundScheduler(timezone="UTC", daemon=True)
    every = {"sweep": settings.schedule.sweep_s, "prune": settings.schedule.prune_s}
    for name, interval_s in every.items():
        scheduler.add_job(send, "interval", args=(broker, name), seconds=interval_s, id=name, misfire_grace_time=None)
    scheduler.start()
    _log.info("scheduler runs", **{f"{name}_every_s": interval_s for name, interval_s in every.items()})
    try:
        pause = threading.Event()
        while not stopped() and os.getppid() == parent:
            pause.wait(_LOOK_S)
    finally:
        scheduler.shutdown(wait=False)
        broker.close()


def _stopped_by_signal() -> Callable[[], bool]:
    signals: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        signals.append(signum)

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    return lambda: bool(signals)

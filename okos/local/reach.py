"""Reach an Okos: the one that runs, else a private one for as long as it is needed.

The one that runs is found by OKOS_REDIS_URL, else in OKOS_HOME, and counts if a worker is alive: what nobody will
answer should not be asked there. A private one has a home of its own, which is removed with it, so that it never
stands in the way of an `okos up`.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from okos.home import HomeUnusable, prepare_home, read_running
from okos.mailbox import MailboxBroker
from okos.private import private_okos
from okos.server import check_server, live_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from okos.settings import Settings

# An `okos up` that has just started has its workers within a few seconds, on a slow machine within this time.
_WORKERS_START_S = 15.0
_PAUSE_S = 0.1


@contextmanager
def reached(settings: Settings, *, on_private: Callable[[], None] | None = None) -> Iterator[Settings]:
    """Give the settings of an Okos that answers, the address of its server among them.

    Args:
        settings: Those of this machine.
        on_private: Called before a private one is started, which takes a second or two.

    Raises:
        OkosError: OKOS_HOME cannot be used, the configured server cannot, or a private Okos does not start.
    """
    url = find_running(settings)
    if url is not None:
        yield settings.model_copy(update={"redis_url": url})
        return
    if on_private is not None:
        on_private()
    with (
        temporary_home() as home,
        # One person has one message answered at a time.
        private_okos(home, settings=settings, workers=1, threads=2) as okos,
    ):
        okos.wait_ready()
        yield okos.settings


def find_running(settings: Settings) -> str | None:
    """Find the server of an Okos that has a worker; None if there is none.

    Raises:
        HomeUnusable: OKOS_HOME cannot be used.
        ServerUnavailable: The configured server does not answer.
        ServerTooOld: The server is older than Okos can use.
    """
    if settings.redis_url is None:
        prepare_home(settings.home)
    url = live_url(settings)
    if url is None:
        return None
    check_server(url)
    deadline = time.monotonic() + _WORKERS_START_S
    while not _has_worker(url, settings):
        if read_running(settings.home) is None or time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE_S)
    return url


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give a home that is removed at the end, whatever is in it.

    Raises:
        HomeUnusable: There is nowhere to put it.
    """
    try:
        directory = tempfile.TemporaryDirectory(prefix="okos-", ignore_cleanup_errors=True)
    except OSError as error:
        raise HomeUnusable(f"no temporary directory can be made: {error.strerror}; set TMPDIR to one") from error
    with directory as path:
        yield Path(path) / "home"


def _has_worker(url: str, settings: Settings) -> bool:
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[], client=True)
    try:
        return bool(broker.workers())
    finally:
        broker.close()

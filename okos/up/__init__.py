"""`okos up`: all of Okos on one machine, kept alive until someone stops it.

It holds the lock of its home, finds or starts the server, checks the handlers, and then supervises the workers,
the scheduler and, with a bot's token, the gateway (`okos.up.crew`, `okos.up.supervisor`). The first SIGINT or
SIGTERM stops them in order, each with its grace; the second at once. Whatever is killed, in whatever way, loses
nothing: what was queued is in the server's log in the home, and the next start goes on with it.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

import structlog

from okos.home import Running, locked, prepare_home, write_running
from okos.log import configure_logging, is_console
from okos.mailbox import MailboxBroker, StoreUnavailable
from okos.server import Server, find_server, shown
from okos.settings import Settings
from okos.telegram.credentials import Credentials
from okos.telegram.key import read_key
from okos.up.banner import banner
from okos.up.crew import (
    check_handlers,
    count_at_work,
    gateway_child,
    scheduler_child,
    server_child,
    web_child,
    worker_children,
)
from okos.up.supervisor import Supervisor


def run_up(settings: Settings, *, stdout: TextIO, stderr: TextIO) -> None:
    """Run all of Okos in the foreground until it is told to stop.

    Raises:
        OkosError: It cannot start: the home, the server, the handlers, or what the bot needs beside its token.
    """
    # Settled here: a worker's stderr is a pipe to its master, and would not know that a person reads it.
    log_format = "console" if is_console(settings.log_format, stderr) else "json"
    settings = settings.model_copy(update={"log_format": log_format})
    configure_logging(settings.log_level, log_format, levels=settings.log_levels, stream=stderr)
    if settings.telegram.bot_token is not None:
        Credentials.of(settings)
        if settings.telegram.dc_public_key is not None:
            read_key(settings.telegram.dc_public_key)
    with locked(prepare_home(settings.home)):
        server = find_server(settings)
        try:
            known = settings.model_copy(update={"redis_url": server.url})
            check_handlers(known)
            _supervise(known, server, stdout)
        finally:
            server.stop()


def _supervise(settings: Settings, server: Server, stdout: TextIO) -> None:
    started_ms = int(time.time() * 1000)

    log = structlog.get_logger("okos.up")

    def note() -> None:
        running = Running(pid=os.getpid(), started_ms=started_ms, server=shown(server.url), children=supervisor.pids())
        try:
            write_running(settings.home, running)
        except OSError as error:  # a full disk: the children are worth more than the note about them
            log.warning("what runs cannot be noted down", reason=str(error))

    text = banner(settings, server)
    children = [*worker_children(settings, output=None), scheduler_child(settings, output=None)]
    if settings.telegram.bot_token is not None:
        children.append(gateway_child(settings, output=None))
    if settings.web.enabled:
        children.append(web_child(settings, output=None))
    if server.child is not None:
        children.insert(0, server_child(server))
    supervisor = Supervisor(children, log=log, on_change=note)
    if server.child is not None:
        supervisor.adopt("server", server.child)
        server.child = None  # from here on the supervisor's to stop
    ready = _Readiness(settings, supervisor, stdout)
    with _stopping_on_signals(supervisor, settings, stdout):
        _say(stdout, text)
        supervisor.run(on_step=lambda: None if supervisor.is_stopping else ready.look())
    _say(stdout, "Okos has stopped.")


class _Readiness:
    """Says once that the workers take messages."""

    def __init__(self, settings: Settings, supervisor: Supervisor, stdout: TextIO) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._stdout = stdout
        self._broker: MailboxBroker | None = MailboxBroker(
            settings.redis_url or "", namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[]
        )

    def look(self) -> None:
        """Ask the server, unless it has been said."""
        if self._broker is None:
            return
        with suppress(StoreUnavailable):
            if count_at_work(self._broker.workers(), self._supervisor) >= self._settings.worker_processes:
                _say(self._stdout, "Okos is ready.")
                self._broker.close()
                self._broker = None


@contextmanager
def _stopping_on_signals(supervisor: Supervisor, settings: Settings, stdout: TextIO) -> Iterator[None]:
    def on_signal(signum: int, _frame: FrameType | None) -> None:
        if not supervisor.is_stopping:
            supervisor.stop()
            grace_s = settings.shutdown_grace_ms / 1000
            _say(
                stdout,
                f"Stopping: what runs has up to {grace_s:g} s to finish, what waits is kept."
                + (" Ctrl-C again stops at once." if signum == signal.SIGINT else ""),
            )
        else:
            supervisor.stop_at_once()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {signum: signal.signal(signum, on_signal) for signum in signals}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _say(stdout: TextIO, text: str) -> None:
    """Tell the person at the terminal, if there is one left to tell."""
    with suppress(OSError, ValueError):
        print(text, file=stdout, flush=True)

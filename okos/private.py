"""An Okos of one's own: server and workers for the length of a `with` block, with nothing shown.

`okos ask` uses it when none runs, `okos demo` to play with, the tests to kill things in. It needs a home of its
own: two Okos never share one.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from okos.errors import OkosError
from okos.home import append_private, locked, prepare_home
from okos.log import file_log
from okos.mailbox import MailboxBroker, StoreUnavailable
from okos.server import Server, find_binary, start_server
from okos.settings import Settings, load_settings
from okos.up.crew import count_at_work, scheduler_child, server_child, worker_children
from okos.up.supervisor import Supervisor

_PAUSE_S = 0.02
_TOO_MANY_FAILURES = 2


class PrivateOkosFailed(OkosError):
    """The workers of a private Okos do not come up."""


class PrivateOkos:
    """A running Okos.

    Attributes:
        settings: What its processes were given; a client uses the same.
        url: The address of its server.
        log: The file that its workers and its scheduler log to.
    """

    def __init__(self, settings: Settings, url: str, supervisor: Supervisor) -> None:
        self.settings = settings
        self.url = url
        self.log = settings.home / "okos.log"
        self._supervisor = supervisor

    @property
    def worker_pids(self) -> list[int]:
        """The pids of the workers (each a Dramatiq master that leads a session) that have a process now."""
        return [pid for name, pid in self._supervisor.pids().items() if pid and name.startswith("worker-")]

    @property
    def server_pid(self) -> int | None:
        """The pid of the server; None while it is down."""
        return self._supervisor.pids()["server"]

    def kill_worker(self, index: int, signum: signal.Signals = signal.SIGKILL) -> None:
        """Signal a worker, counted from 0; SIGKILL goes to its master and all that it started, at once."""
        self._supervisor.send(f"worker-{index + 1}", signum)

    def kill_server(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Signal the server; it is started again, with what it had written."""
        self._supervisor.send("server", signum)

    def wait_ready(self, timeout_s: float = 30) -> None:
        """Wait until every worker has said that it takes messages.

        Raises:
            PrivateOkosFailed: They do not; the message holds the last line of their log.
        """
        deadline = time.monotonic() + timeout_s
        broker = MailboxBroker(
            self.url, namespace=self.settings.namespace, lease_ms=self.settings.lease_ms, middleware=[]
        )
        try:
            while not self._all_work(broker):
                failures = max(self._supervisor.failures().values())
                if failures >= _TOO_MANY_FAILURES or time.monotonic() > deadline:
                    raise PrivateOkosFailed(f"the workers do not start: {self._last_words()}")
                time.sleep(_PAUSE_S)
        finally:
            broker.close()

    def _all_work(self, broker: MailboxBroker) -> bool:
        try:
            return count_at_work(broker.workers(), self._supervisor) >= self.settings.worker_processes
        except StoreUnavailable:
            return False

    def _last_words(self) -> str:
        said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        ours = [line for line in said if line.startswith("okos: ")]
        return (ours or said or [f"nothing in {self.log}"])[-1].removeprefix("okos: ")


@contextmanager
def private_okos(
    home: Path,
    *,
    settings: Settings | None = None,
    workers: int = 1,
    threads: int = 8,
    scheduler: bool = False,
    directory: Path | None = None,
    graceful: bool = False,
    **given: Any,  # Any: each value is checked against its field
) -> Iterator[PrivateOkos]:
    """Run an Okos with a server of its own in this home; its processes end with the block, or with us.

    Args:
        home: A directory for this Okos alone.
        settings: What to start from; None: what `load_settings` finds on this machine.
        workers: How many worker processes.
        threads: How many messages each handles at once.
        scheduler: Whether the scheduler runs too.
        directory: Where the workers look for the handlers first; None: the working directory.
        graceful: Whether the end waits for what is running; if not, it stays in the home, to be handled later.
        **given: Settings to change, by name; a section as its model (`model=Model()`).

    Raises:
        OkosError: The home cannot be used, or the server does not start.
    """
    settings = load_settings() if settings is None else settings
    settings = Settings(
        **{name: getattr(settings, name) for name in Settings.model_fields}
        | {"worker_processes": workers, "concurrency": workers * threads}
        | given
        | {"home": home, "redis_url": None}
    )
    with locked(prepare_home(settings.home)), append_private(settings.home / "okos.log") as output:

        def crew(server: Server) -> Supervisor:
            known = settings.model_copy(update={"redis_url": server.url})
            children = [server_child(server), *worker_children(known, output=output, directory=directory)]
            if scheduler:
                children.append(scheduler_child(known, output=output))
            return Supervisor(children, log=file_log(output))

        started: Future[tuple[Server, Supervisor]] = Future()
        keeper = threading.Thread(target=_keep, args=(settings, crew, started), name="okos", daemon=True)
        keeper.start()
        try:
            server, supervisor = started.result()
            yield PrivateOkos(settings.model_copy(update={"redis_url": server.url}), server.url, supervisor)
        finally:
            if started.exception() is None:
                _, supervisor = started.result()
                if graceful:
                    supervisor.stop()
                else:
                    supervisor.stop_at_once()
            keeper.join()


def _keep(
    settings: Settings, crew: Callable[[Server], Supervisor], started: "Future[tuple[Server, Supervisor]]"
) -> None:
    """Start all of them and keep them, in one thread: the kernel ends them when the thread that started them ends."""
    try:
        server = start_server(settings.home, find_binary(), namespace=settings.namespace)
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
        started.set_exception(error)
        return
    supervisor = crew(server)
    if server.child is not None:
        supervisor.adopt("server", server.child)
    started.set_result((server, supervisor))
    supervisor.run()
    server.tidy()

"""The children of one Okos: what is started, with which command, and in which order it is stopped.

Each worker is a Dramatiq master with one worker process: when that process ends its master ends too, and a
master with several would take the others along.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from okos.child import spawn
from okos.errors import OkosError
from okos.mailbox import WorkerSeen
from okos.server import Server
from okos.settings import Settings, child_environment
from okos.up.supervisor import Child, Supervisor

# Stages of the stop: no new maintenance, then no new work, then what was answered is delivered, all of which can be
# watched on the web; and the store only when nobody needs it any more.
SCHEDULER_STAGE, WORKER_STAGE, GATEWAY_STAGE, WEB_STAGE, SERVER_STAGE = range(5)

# A worker ends by itself when the grace of its messages is over; this is for one that hangs.
_WORKER_MARGIN_MS = 10_000
_SCHEDULER_GRACE_MS = 5_000
_GATEWAY_GRACE_MS = 20_000
_WEB_GRACE_MS = 10_000
_SERVER_GRACE_MS = 15_000
_HURRIED_SERVER_GRACE_MS = 3_000  # enough to flush its log


class HandlersUnusable(OkosError):
    """The workers could not start with these handlers and settings."""


def server_child(server: Server) -> Child:
    """The embedded server, which has been started already."""
    if server.start_again is None:
        raise ValueError("a server of someone else is not ours to keep alive")
    return Child(
        name="server",
        start=server.start_again,
        stage=SERVER_STAGE,
        grace_ms=_SERVER_GRACE_MS,
        hurried_grace_ms=_HURRIED_SERVER_GRACE_MS,
    )


def worker_children(settings: Settings, *, output: IO[bytes] | None, directory: Path | None = None) -> list[Child]:
    """One worker for each process that the settings ask for, their slots dealt out evenly.

    Args:
        settings: What the workers get, whatever else is in the environment or in files.
        output: Where they log to; None: to our stderr and stdout.
        directory: Where they look for the handlers first; None: here.
    """
    environment = child_environment(settings)
    return [
        _child(
            f"worker-{index}",
            ["dramatiq", "okos.actors", "-p", "1", "-t", str(threads)],
            environment,
            output=output,
            directory=directory,
            stage=WORKER_STAGE,
            grace_ms=settings.shutdown_grace_ms + _WORKER_MARGIN_MS,
        )
        for index, threads in enumerate(settings.threads, start=1)
    ]


def scheduler_child(settings: Settings, *, output: IO[bytes] | None) -> Child:
    """The scheduler."""
    return _child(
        "scheduler",
        ["okos", "scheduler"],
        child_environment(settings),
        output=output,
        directory=None,
        stage=SCHEDULER_STAGE,
        grace_ms=_SCHEDULER_GRACE_MS,
    )


def gateway_child(settings: Settings, *, output: IO[bytes] | None) -> Child:
    """The gateway to Telegram, for the bot of the settings."""
    return _child(
        "gateway",
        ["okos", "gateway"],
        child_environment(settings),
        output=output,
        directory=None,
        stage=GATEWAY_STAGE,
        grace_ms=_GATEWAY_GRACE_MS,
    )


def web_child(settings: Settings, *, output: IO[bytes] | None) -> Child:
    """The dashboard. A port that is taken is waited for: the rest does not need it."""
    return _child(
        "web",
        ["okos", "web", "--wait"],
        child_environment(settings),
        output=output,
        directory=None,
        stage=WEB_STAGE,
        grace_ms=_WEB_GRACE_MS,
    )


def count_at_work(seen: Iterable[WorkerSeen], supervisor: Supervisor) -> int:
    """Count the workers, of those that gave a sign of life, that this supervisor's children have started.

    A worker that was killed is seen for two heartbeats more; and the server may have workers of somebody else.
    """
    ours = {pid for pid in supervisor.pids().values() if pid is not None}
    here = socket.gethostname()
    return sum(one.host == here and _session_of(one.pid) in ours for one in seen)


def check_handlers(settings: Settings, *, directory: Path | None = None) -> None:
    """Load the handlers as a worker would, in a process of its own.

    Raises:
        HandlersUnusable: A worker would not start; the message is what it would say.
    """
    done = subprocess.run(
        [sys.executable, "-c", "import okos.actors"],
        env=child_environment(settings),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise HandlersUnusable(
            said[-1].removeprefix("okos: ") if said else f"the handlers do not load: exit {done.returncode}"
        )


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _child(
    name: str,
    module: list[str],
    environment: Mapping[str, str],
    *,
    output: IO[bytes] | None,
    directory: Path | None,
    stage: int,
    grace_ms: int,
) -> Child:
    def start() -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, "-m", *module],
            output=output,
            environment=environment,
            directory=directory,
            death_signal=signal.SIGKILL,
        )

    return Child(name=name, start=start, stage=stage, grace_ms=grace_ms)

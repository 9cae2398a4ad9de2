"""How a worker's OS process makes a fresh start without ending: it executes Python anew in its place.

Dramatiq's master takes the end of one of its processes for a fault and stops all others, and a process that ends needs
somebody to start another. One that replaces its own program needs neither: it keeps its pid, its place under its
master, its pipe for log lines and the pipe by which the master sees that it lives. All threads are gone, hung or not.

Rule: this is the only place that knows how Dramatiq's command starts a worker process (`dramatiq.cli.worker_process`,
whose arguments are found in its frame). Where that is different there is no seat, and a process is never replaced.
"""

from __future__ import annotations

import inspect
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
from argparse import Namespace
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from types import FrameType

log = logging.getLogger(__name__)

#: What a worker process ends with if it cannot execute Python: a service manager sees that it was no ordinary end.
EX_TEMPFAIL = 75

_PARAMETERS = ["args", "worker_id", "logging_pipe", "canteen", "event"]
#: Modules are found as they were: what is imported before that may be found nowhere else.
_BOOT = (
    "import json, sys; seat = json.loads(sys.argv[1]); sys.path[:] = seat['path']; del sys.argv[:2]; "
    "from okos.mailbox.image import take; take(seat)"
)

#: The master of a process that was replaced; multiprocessing knows only those that it has forked.
_master_pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What this process was given by Dramatiq's master, to be handed on to its successor.

    Attributes:
        args: The command's arguments.
        worker_id: Its number among its siblings.
        log_fd: The pipe that its log lines go through.
        kept_fds: What else must stay open: by one of them the master sees that this process lives.
        master_pid: Who started it.
        path: Where modules are found.
    """

    args: dict[str, Any]  # Any: Dramatiq's own
    worker_id: int
    log_fd: int
    kept_fds: tuple[int, ...]
    master_pid: int
    path: tuple[str, ...]

    def replace(self) -> NoReturn:
        """Execute Python anew in this process. To be called by the main thread when all is written and closed.

        Raises:
            SystemExit: It cannot be done; the process ends, and its master with it.
        """
        # A signal that comes now waits for the successor, which asks for signals once it can handle them.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            for fd in (self.log_fd, *self.kept_fds):
                os.set_inheritable(fd, True)  # noqa: FBT003  # its only form
            # its own words come last, so that it is found under them in a list of processes
            command = [sys.executable, "-c", _BOOT, json.dumps(asdict(self)), *sys.argv]
            os.execv(sys.executable, command)  # noqa: S606  # there is no process to start
        except (OSError, TypeError):
            log.exception("this process cannot be replaced; it ends")
            raise SystemExit(EX_TEMPFAIL) from None


def find_seat() -> Seat | None:
    """Look where in Dramatiq's command this code runs; None if it is not a worker process of it.

    To be called by the main thread while the worker starts.
    """
    cli = sys.modules.get("dramatiq.cli")
    work = getattr(cli, "worker_process", None)
    if work is None or not hasattr(signal, "SIGHUP") or list(inspect.signature(work).parameters) != _PARAMETERS:
        return None
    kept_fds: list[int] = []
    args: Namespace | None = None
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        if frame.f_code is work.__code__:
            args, worker_id, pipe = (frame.f_locals[name] for name in _PARAMETERS[:3])
        elif frame.f_code.co_name == "_launch" and "child_w" in frame.f_locals:
            # multiprocessing's fork: its parent waits for the other end of this pipe to be closed
            kept_fds.append(frame.f_locals["child_w"])
        frame = frame.f_back
    if args is None:
        return None
    return Seat(
        args=vars(args),
        worker_id=worker_id,
        log_fd=pipe.fileno(),
        kept_fds=tuple(kept_fds),
        master_pid=master_pid(),
        path=tuple(sys.path),
    )


def master_pid() -> int:
    """Return the pid of whoever started this process; it may be gone by now."""
    if _master_pid is not None:
        return _master_pid
    master = multiprocessing.parent_process()
    return os.getppid() if master is None or master.pid is None else master.pid


def take(seat: dict[str, Any]) -> None:  # Any: as `Seat`
    """Be the worker process that this process was before; what `Seat.replace` executes."""
    global _master_pid  # noqa: PLW0603  # a fact about this process, as its pid is
    from dramatiq.cli import worker_process  # noqa: PLC0415  # only a process of the command has it
    from dramatiq.compat import StreamablePipe  # noqa: PLC0415  # likewise

    _master_pid = seat["master_pid"]
    pipe = StreamablePipe(Connection(seat["log_fd"], readable=False))  # type: ignore[no-untyped-call]  # Dramatiq's
    # Its forks have been started; and nobody waits for it to have booted.
    canteen, booted = SimpleNamespace(initialized=True), threading.Event()
    worker_process(Namespace(**seat["args"]), seat["worker_id"], pipe, canteen, booted)  # type: ignore[no-untyped-call]  # Dramatiq's

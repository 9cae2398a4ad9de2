"""The workers of a storm: `dramatiq` masters with one worker process each, started again whenever they end."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.patience import wait_until
from okos.child import has_exited, kill_session, reap, spawn

ROOT = Path(__file__).parents[1]
#: A supervisor would not be faster.
AGAIN_S = 0.3
BOOT_S = 60.0


@dataclass(slots=True)
class Span:
    """An OS process was frozen, or cut off, from one instant to another; 0 while it still is."""

    pid: int
    from_ns: int
    until_ns: int = 0


@dataclass(slots=True)
class Member:
    """One `dramatiq` command: the master that we started and the worker process that it started."""

    number: int
    child: subprocess.Popen[bytes]
    worker_pid: int = 0
    ended_at: float = 0.0
    leaves: bool = field(default=False)


class Crew:
    """See the module. To be used from one thread: the kernel ends the workers with the thread that started them.

    Args:
        directory: Where their logs go.
        options: What `chaos.worker` reads.
        size: How many masters.
        threads: How many handlers each runs at once.
        urls: The address of the server for each.
        old: How many of them run as an older release.
        old_home: The folder with that release's package, and with this one's `chaos`.
    """

    def __init__(
        self,
        directory: Path,
        options: dict[str, Any],  # Any: JSON
        *,
        size: int,
        threads: int,
        urls: list[str],
        old: int = 0,
        old_home: Path | None = None,
    ) -> None:
        self._directory = directory
        self._options = options
        self._threads = threads
        self._old = old
        self._old_home = old_home or ROOT
        self._urls = urls
        self._log = (directory / "workers.log").open("ab")
        self._left: list[Member] = []
        self.frozen: list[Span] = []
        self.cut: list[Span] = []
        #: When an OS process was killed, by its id.
        self.killed: dict[int, int] = {}
        #: When a worker was asked to stop, by its id; and when for the second time.
        self.asked: dict[int, int] = {}
        self.asked_again: dict[int, int] = {}
        #: When a worker lost its master, by its id.
        self.orphans: dict[int, int] = {}
        self.restarts = 0
        self.members = [self._start(number) for number in range(size)]

    # -- starting and stopping ---------------------------------------------------------------------------------------

    def _start(self, number: int) -> Member:
        options = self._options | {"url": self._urls[number], "old": number < self._old}
        command = [
            *(sys.executable, "-m", "dramatiq", "chaos.worker"),
            *("--processes", "1", "--threads", str(self._threads)),
        ]
        child = spawn(
            command,
            output=self._log,
            environment=os.environ | {"CHAOS": json.dumps(options), "PYTHONUNBUFFERED": "1"},
            directory=self._old_home if options["old"] else ROOT,
            death_signal=signal.SIGTERM,  # so that dramatiq stops its worker
        )
        return Member(number, child)

    def look(self) -> None:
        """Start again what has ended."""
        now = time.monotonic()
        for number, member in enumerate(self.members):
            if not member.worker_pid:
                member.worker_pid = _child_of(member.child.pid)
            if not has_exited(member.child):
                continue
            if not member.ended_at:
                member.ended_at = now
            elif now - member.ended_at >= AGAIN_S:
                # Not reaped yet: an orphan of it may still be at work, and is to end by itself.
                self._left.append(member)
                self.members[number] = self._start(number)
                self.restarts += 1

    def stop(self, deadline_s: float) -> bool:
        """Ask all to stop; False if some did not within the deadline. All are gone afterwards."""
        for member in self.members:
            member.child.terminate()
        all_members = [*self.members, *self._left]
        gone = wait_until(
            lambda: all(has_exited(member.child) and not _is_alive(member.worker_pid) for member in all_members),
            deadline_s=deadline_s,
        )
        for member in all_members:
            kill_session(member.child)
            reap(member.child)
        self._log.close()
        return gone

    # -- what is done to them ----------------------------------------------------------------------------------------

    def kill(self, pick: float) -> int:
        """Kill a worker process; its master then ends too. Returns its id, 0 if it has none now."""
        member = self._picked(pick)
        if member.worker_pid:
            self._kill(member.worker_pid)
        return member.worker_pid

    def kill_worker(self, pid: int) -> None:
        """Kill this worker process."""
        self._kill(pid)

    def kill_master(self, pick: float) -> int:
        """Kill a master and leave its worker an orphan; returns the worker's id."""
        member = self._picked(pick)
        if member.worker_pid:
            self.orphans[member.worker_pid] = time.monotonic_ns()
        member.child.kill()
        return member.worker_pid

    def terminate(self, pick: float) -> int:
        """Ask a master to stop; returns its worker's id."""
        member = self._picked(pick)
        if member.worker_pid:
            which = self.asked_again if member.worker_pid in self.asked else self.asked
            which.setdefault(member.worker_pid, time.monotonic_ns())
        member.child.terminate()
        return member.worker_pid

    def freeze(self, pick: float) -> int:
        """Stop a worker process where it is; returns its id."""
        pid = self._picked(pick).worker_pid
        if pid:
            self.frozen.append(Span(pid, time.monotonic_ns()))
            _signal(pid, signal.SIGSTOP)
        return pid

    def thaw(self, pid: int) -> None:
        """Let a frozen process go on."""
        for span in self.frozen:
            if span.pid == pid and not span.until_ns:
                span.until_ns = time.monotonic_ns()
        _signal(pid, signal.SIGCONT)

    def cuts(self, number: int) -> Span:
        """Note that the wire of a member is cut; returns what is to be ended when it is mended."""
        span = Span(self.members[number].worker_pid, time.monotonic_ns())
        self.cut.append(span)
        return span

    def _picked(self, pick: float) -> Member:
        return self.members[int(pick * len(self.members))]

    def _kill(self, pid: int) -> None:
        self.killed[pid] = time.monotonic_ns()
        _signal(pid, signal.SIGKILL)

    # -- looking -----------------------------------------------------------------------------------------------------

    def worker_pids(self) -> list[int]:
        """Return the ids of the worker processes, as far as they have been seen."""
        self.look()
        return [member.worker_pid for member in self.members if member.worker_pid]


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _child_of(pid: int) -> int:
    """Return the one child of a master; 0 if it has none yet, or is over."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(children[0]) if children else 0


def _is_alive(pid: int) -> bool:
    """Whether an OS process runs: a zombie does not."""
    if not pid:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

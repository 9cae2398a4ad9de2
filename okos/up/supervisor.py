"""Keep children alive, and stop them in order.

`okos.up.lifecycle` decides; this module starts, signals and reaps. Every child leads a session of its own
(`okos.child`), so one signal goes to one process, and whatever a child leaves behind is found by its session.
All children are started by the thread that calls `step`: the kernel ends them when that thread ends.

What it does not do: it does not know whether a child does its work, only whether it is there.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from okos.child import has_exited, kill_session, reap
from okos.up.lifecycle import Action, Lifecycle, State

_POLL_S = 0.1
_POLL_IN_HURRY_S = 0.01


def monotonic_ms() -> int:
    """The clock of a supervisor: milliseconds that no change of the date disturbs."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What to keep alive.

    Attributes:
        name: As it is shown and logged.
        start: Starts it; must use `okos.child.spawn`.
        stage: Children of a lower stage are gone before one of a higher stage is asked to stop.
        grace_ms: How long it may take to stop before it is killed.
        hurried_grace_ms: The same, when it has to be at once.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stage: int
    grace_ms: int
    hurried_grace_ms: int = 0


@dataclass(slots=True, kw_only=True)
class _Kept:
    child: Child
    life: Lifecycle
    process: subprocess.Popen[bytes] | None = None


class Log(Protocol):
    """Where a supervisor tells what happens; structlog's loggers are such."""

    def debug(self, event: str, **fields: Any) -> Any: ...  # noqa: D102 - as everywhere. Any: whatever can be shown
    def warning(self, event: str, **fields: Any) -> Any: ...  # noqa: D102
    def error(self, event: str, **fields: Any) -> Any: ...  # noqa: D102


class Supervisor:
    """Starts its children, starts them again with backoff when they exit, stops them stage by stage.

    Each child is in one of five states: starting, running, backing off, stopping, gone; the table of what leads
    from one to the other is in `okos.up.lifecycle`. The supervisor adds the stages: once asked to stop, it asks
    the children of the lowest stage that is not gone yet.

    `stop`, `stop_at_once`, `send` and `pids` may be called from any thread, the first two from a signal handler.

    Args:
        children: What to keep alive, started in this order.
        log: Where to tell what happens to them.
        clock: Milliseconds that only grow.
        on_change: Called by `step` after a child came or went.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        log: Log,
        clock: Callable[[], int] = monotonic_ms,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._kept = {child.name: _Kept(child=child, life=Lifecycle()) for child in children}
        self._log = log
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.RLock()  # a process must not be reaped while another thread signals it
        self._stopping = False
        self._hurried = False

    def adopt(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Keep a process alive that has been started already."""
        kept = self._kept[name]
        kept.process = process
        kept.life.has_spawned(self._clock())

    def run(self, *, on_step: Callable[[], None] | None = None) -> None:
        """Step until all are gone, which is never unless someone calls `stop`."""
        while self.step():
            if on_step is not None:
                on_step()
            time.sleep(_POLL_IN_HURRY_S if self._stopping else _POLL_S)

    def step(self) -> bool:
        """See who has exited, and do what is due.

        Returns:
            Whether anyone is left.
        """
        changed = False
        with self._lock:
            now_ms = self._clock()
            for kept in self._kept.values():
                changed |= self._see(kept, now_ms)
            if self._stopping:
                self._ask_the_lowest_stage(now_ms)
            for kept in self._kept.values():
                changed |= self._act(kept, kept.life.is_due(now_ms), now_ms)
            left = any(kept.life.state is not State.GONE for kept in self._kept.values())
        if changed and self._on_change is not None:
            self._on_change()
        return left

    def stop(self) -> None:
        """Ask for the end: the next steps stop the children in order, each with its grace."""
        self._stopping = True

    def stop_at_once(self) -> None:
        """Ask for the end with no grace: what runs is killed, and is found again by the next start."""
        self._hurried = True
        self._stopping = True

    @property
    def is_stopping(self) -> bool:
        """Whether the end was asked for."""
        return self._stopping

    def pids(self) -> dict[str, int | None]:
        """The pid of each child; None while it has no process."""
        with self._lock:
            return {name: None if kept.process is None else kept.process.pid for name, kept in self._kept.items()}

    def failures(self) -> dict[str, int]:
        """How often each child has exited in a row without having run steadily."""
        with self._lock:
            return {name: kept.life.failures for name, kept in self._kept.items()}

    def send(self, name: str, signum: signal.Signals) -> None:
        """Signal one child; SIGKILL goes to all of its session. A child with no process is left alone."""
        with self._lock:
            process = self._kept[name].process
            if process is None or has_exited(process):
                return
            if signum == signal.SIGKILL:
                kill_session(process)
            else:
                process.send_signal(signum)

    def _see(self, kept: _Kept, now_ms: int) -> bool:
        if kept.process is None or not has_exited(kept.process):
            return False
        pid, status = kept.process.pid, reap(kept.process)
        kept.process = None
        kept.life.has_exited(now_ms)
        if kept.life.state is State.BACKING_OFF:
            wait_ms = kept.life.due_ms - now_ms
            self._log.warning("child exited", child=kept.child.name, pid=pid, status=status, starts_again_in_ms=wait_ms)
        else:
            self._log.debug("child stopped", child=kept.child.name, pid=pid, status=status)
        return True

    def _ask_the_lowest_stage(self, now_ms: int) -> None:
        left = [kept for kept in self._kept.values() if kept.life.state is not State.GONE]
        lowest = min((kept.child.stage for kept in left), default=0)
        for kept in left:
            if kept.child.stage == lowest:
                grace_ms = kept.child.hurried_grace_ms if self._hurried else kept.child.grace_ms
                self._act(kept, kept.life.ask_to_stop(now_ms, grace_ms=grace_ms), now_ms)

    def _act(self, kept: _Kept, action: Action | None, now_ms: int) -> bool:
        if action is Action.SPAWN:
            try:
                kept.process = kept.child.start()
            except OSError as error:
                kept.life.has_exited(now_ms)
                self._log.error("child cannot be started", child=kept.child.name, reason=str(error))
                return False
            kept.life.has_spawned(now_ms)
            self._log.debug("child started", child=kept.child.name, pid=kept.process.pid)
            return True
        if kept.process is not None and action is Action.TERMINATE:
            kept.process.terminate()
        if kept.process is not None and action is Action.KILL:
            if not self._hurried:
                self._log.warning("child did not stop in time", child=kept.child.name, pid=kept.process.pid)
            kill_session(kept.process)
        return False

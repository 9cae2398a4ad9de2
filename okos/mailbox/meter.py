"""Where one OS process adds up what it measures, until its heartbeat writes it in one call.

A message costs a few additions here and nothing on the server. What a process that is killed had not written yet is
lost: of measures, what it did in its last heartbeat. Nothing else is counted here: how many were accepted, done and
given up, the transitions count, exactly.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okos.mailbox.measures import bucket_of, field_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names of actors and of totals that a process tells apart; one more is 'other'. Both come from code, not from users.
MOST_NAMES = 64
OTHER = "other"

#: Attempts that did not end well and are told of one by one, in one heartbeat of a process; more are only counted.
MOST_FAILURES = 32


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not end its message, or gave it up. `ended_at` is `time.monotonic()`."""

    message_id: str
    attempt: int
    outcome: str
    run_ms: int
    ended_at: float
    error: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was measured since the last time. `sequence` names it, so that it is written once."""

    sequence: int
    fields: Mapping[str, int]
    failures: tuple[Failure, ...]


class Meter:
    """Counts of one OS process. Any thread may add; one thread, the heartbeat, takes them away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fields: Counter[str] = Counter()
        self._failures: deque[Failure] = deque(maxlen=MOST_FAILURES)
        self._names: set[str] = set()
        self._sequence = 0
        self._unwritten: Gathered | None = None

    def attempt(
        self,
        actor: str,
        *,
        outcome: str,
        wait_ms: int | None = None,
        run_ms: int | None = None,
        is_quiet: bool = False,
    ) -> None:
        """Count an attempt that ended.

        Args:
            actor: Its actor.
            outcome: How it ended.
            wait_ms: How long its message had waited; None if that says nothing.
            run_ms: How long its handler ran; None if it never started.
            is_quiet: It counts for its actor alone, not for all.
        """
        with self._lock:
            for name in (self._known(actor),) if is_quiet else (self._known(actor), ""):
                self._fields[field_of("outcome", outcome, name)] += 1
                for kind, duration_ms in (("wait", wait_ms), ("run", run_ms)):
                    if duration_ms is not None:
                        self._fields[field_of(kind, bucket_of(duration_ms), name)] += 1
                        self._fields[field_of(kind, "sum", name)] += duration_ms

    def count(self, name: str, by: int) -> None:
        """Add to a total."""
        with self._lock:
            self._fields[field_of("total", self._known(name))] += by

    def failed(self, failure: Failure) -> None:
        """Tell of an attempt that did not end well; the oldest that are too many are forgotten."""
        with self._lock:
            self._failures.append(failure)

    def gather(self) -> Gathered | None:
        """Return what is to be written; the same again until `written` is called. None if there is nothing."""
        with self._lock:
            if self._unwritten is None and (self._fields or self._failures):
                self._sequence += 1
                self._unwritten = Gathered(self._sequence, self._fields, tuple(self._failures))
                self._fields = Counter()
                self._failures.clear()
            return self._unwritten

    def written(self) -> None:
        """Forget what was gathered: the server has it."""
        with self._lock:
            self._unwritten = None

    def _known(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                return OTHER
            self._names.add(name)
        return name

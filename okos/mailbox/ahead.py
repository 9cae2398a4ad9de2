"""How many messages a worker's OS process claims beyond its free threads, and when it gives them back.

A process with quick handlers would wait for the server after each of them, so it holds what it will start within
AHEAD_MS, by the mean of its handlers' durations, and no more: messages are not its to hoard. The mean says nothing of a
handler that runs for longer than it, so a thread counts only until then; and what was claimed ahead when all of them
turned out long goes back, for another process may be idle.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okos.mailbox.engine import Engine

AHEAD_MS = 5.0
#: What was claimed ahead and has not started by then goes back, if no thread is about to come free.
BACK_S = 0.05
#: How fast the mean of the handlers' durations follows them.
MEAN_WEIGHT = 0.1


class Ahead:
    """See the module. Used by the pump's thread; `took` by all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mean_ms: float | None = None

    def took(self, took_ms: float) -> None:
        """Note how long a handler ran."""
        self._mean_ms = took_ms if self._mean_ms is None else self._mean_ms + MEAN_WEIGHT * (took_ms - self._mean_ms)

    def room(self, most: int) -> int:
        """Say how many messages this process may claim now, of at most `most`."""
        engine = self._engine
        if engine.stopping or not engine.inboxes:
            return 0
        ahead = 0
        if self._mean_ms is not None:
            ahead = min(most, int(self._quick_threads() * AHEAD_MS / max(self._mean_ms, 0.01)))
        return max(0, min(most, engine.threads + ahead - engine.holdings.in_hand()))

    def is_held(self) -> bool:
        """Say whether this process holds more than its threads can run."""
        return self._engine.holdings.in_hand() > self._engine.threads

    def give_back(self) -> None:
        """Give back what waits for handlers that turned out long."""
        if self.is_held() and self._quick_threads() == 0:
            before = time.monotonic() - BACK_S
            self._engine.give_back(
                delivery
                for delivery in self._engine.holdings.snapshot()
                if delivery.taken_at is None and delivery.claimed_at <= before
            )

    def _quick_threads(self) -> int:
        """Count the threads that may be free soon."""
        longest_s = (AHEAD_MS + 2 * (self._mean_ms or 0.0)) / 1000
        return max(0, self._engine.threads - self._engine.holdings.count_taken(time.monotonic() - longest_s))

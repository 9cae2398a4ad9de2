"""What is kept of messages that have ended."""

from __future__ import annotations

from dramatiq.middleware import Middleware

from okos.mailbox.policy import HistoryPolicy


class History(Middleware):
    """Keeps completed messages and dead letters by count and by age.

    Args:
        done_count: How many completed messages are kept; 0 keeps none.
        done_age_ms: For how long.
        dead_count: How many dead letters are kept; 0 keeps none.
        dead_age_ms: For how long.
    """

    def __init__(
        self,
        *,
        done_count: int = 0,
        done_age_ms: int = 3_600_000,
        dead_count: int = 1000,
        dead_age_ms: int = 7 * 86_400_000,
    ) -> None:
        if min(done_count, done_age_ms, dead_count, dead_age_ms) < 0:
            raise ValueError("a history's counts and ages must not be negative")
        self.policy = HistoryPolicy(
            done_count=done_count, done_age_ms=done_age_ms, dead_count=dead_count, dead_age_ms=dead_age_ms
        )

"""How long a handler may run."""

from __future__ import annotations

from dramatiq.middleware import Middleware

from okos.mailbox.policy import TimePolicy


class TimeLimit(Middleware):
    """Interrupts handlers that run too long: a coroutine is cancelled, a thread gets `TimeLimitExceeded` raised in it.

    The message is then retried like any other that failed. A thread that hangs in a C call cannot be interrupted: its
    message is settled all the same, and another thread takes its place.

    Args:
        time_limit: Milliseconds; `float("inf")` for no limit. The engine looks twice a second.
    """

    def __init__(self, *, time_limit: float = 600_000) -> None:
        if time_limit <= 0:
            raise ValueError(f"time_limit must be above 0, not {time_limit}")
        self.policy = TimePolicy(time_limit_ms=time_limit)

    @property
    def actor_options(self) -> set[str]:
        """`time_limit`: milliseconds, for one actor; also an option of a message."""
        return {"time_limit"}

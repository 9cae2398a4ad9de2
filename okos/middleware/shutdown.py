"""How long a stopping worker waits for what runs."""

from __future__ import annotations

from dramatiq.middleware import Middleware

from okos.mailbox.policy import ShutdownPolicy


class Shutdown(Middleware):
    """Gives running handlers a grace after SIGTERM; then they are interrupted and run again elsewhere, uncounted.

    Args:
        grace_ms: Keep it below what the service manager allows before it kills (often 30 s, docker's is 10 s).
    """

    def __init__(self, *, grace_ms: int = 25_000) -> None:
        if grace_ms < 0:
            raise ValueError(f"grace_ms must not be negative, not {grace_ms}")
        self.policy = ShutdownPolicy(grace_ms=grace_ms)

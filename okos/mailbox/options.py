"""What one broker was told, gathered from its arguments and from the policies of its middlewares."""

from __future__ import annotations

from dataclasses import dataclass, field

from okos.mailbox.policy import (
    HistoryPolicy,
    RatePolicy,
    RetryPolicy,
    ShutdownPolicy,
    TimePolicy,
    WindowPolicy,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """The engine's numbers.

    Attributes:
        lease_ms: An attempt that is not renewed for this long is taken for dead.
        max_stalls: A message whose OS process ended this many times while running it is a suspect: a process holds one
            suspect at a time, and what stalls as a suspect is dead.
        client: This process is no worker: it only consumes what is addressed to itself.
    """

    lease_ms: int = 15_000
    max_stalls: int = 2
    client: bool = False
    window: WindowPolicy = field(default_factory=WindowPolicy)
    rate: RatePolicy = field(default_factory=RatePolicy)
    history: HistoryPolicy = field(default_factory=HistoryPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    time: TimePolicy = field(default_factory=TimePolicy)
    shutdown: ShutdownPolicy = field(default_factory=ShutdownPolicy)

    @property
    def renew_ms(self) -> int:
        """A third of the lease: two renewals may be lost."""
        return self.lease_ms // 3

    @property
    def sweep_ms(self) -> int:
        """How often somebody sweeps: 2 s with the default lease, less with a shorter one."""
        return max(50, min(2_000, self.lease_ms * 2 // 15))

"""What a verdict holds: figures and faults."""

from __future__ import annotations

from dataclasses import dataclass, field

MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A broken promise. `user` and `at_ns` say where to look in the notes."""

    kind: str
    text: str
    user: str = ""
    at_ns: int = 0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The figures and the faults.

    Attributes:
        recoveries: Kills whose first re-run was held to its time.
        reruns_ms: How long that took, for each that nothing else disturbed.
    """

    accepted: int = 0
    done: int = 0
    dead: int = 0
    stalled_dead: int = 0
    cancelled: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    overlapped: int = 0
    wasted: int = 0
    excused: int = 0
    runs: int = 0
    replies: int = 0
    stalled: int = 0
    restarts: int = 0
    keys_left: int = 0
    bound_ms: int = 0
    recoveries: int = 0
    reruns_ms: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether no promise was broken."""
        return not self.faults

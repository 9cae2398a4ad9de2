"""What is known after a storm: what was accepted, what the handlers noted, what was done to whom, and what is left.

A verdict is made from this alone, so that it can be checked with evidence that a test makes up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.crew import Span
    from chaos.letter import Letter
    from chaos.note import Note
    from chaos.outbox import Reply
    from chaos.sample import Sample
    from chaos.server import Outage
    from chaos.trouble import Trouble

#: What a cancel can come to when nobody answered: either.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cancel:
    """An operator cancelled a message; `outcome` is the engine's word, or UNKNOWN."""

    id: str
    outcome: str
    asked_ns: int
    answered_ns: int


@dataclass(frozen=True, slots=True)
class Clear:
    """An operator cancelled all that a mailbox held at some moment between asking and the answer, if it came to it."""

    user: str
    asked_ns: int
    answered_ns: int
    is_answered: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    """A mailbox (or all: '') was surely paused from one instant to another."""

    user: str
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Commit:
    """An ack that counted, from the stored list of its user, in the order in which they came."""

    user: str
    seq: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The engine's own counters at the end."""

    accepted: int = 0
    done: int = 0
    died: int = 0
    cancelled: int = 0
    requeued: int = 0
    stalled: int = 0
    waiting: int = 0
    running: int = 0


@dataclass(slots=True, kw_only=True)
class Evidence:
    """See the module. Instants are CLOCK_MONOTONIC, ns.

    Attributes:
        dead: Why, by id: what is a dead letter at the end.
        died_after: How many attempts the last life of a dead letter had, by id.
        requeued_at_ns: When a dead letter was first asked to be requeued, by id.
        reborn_at_ns: When it was last asked to be, and was, by id.
        max_stalls: After so many deaths of its process a message is a suspect, and the next one buries it.
        killed: When a worker process was killed, by its id.
        asked: When a worker process was asked to stop, by its id.
        asked_again: When it was asked for the second time.
        orphans: When a worker process lost its master, by its id.
        frozen: Which worker processes did not run for a while.
        cut: Which did not reach the server for a while, and went on.
        jobs: How many messages of a user may run at once.
        is_drained: Nothing waited or ran when the time was up.
        left_keys: Keys that nobody will ever delete.
        refusals: How often a message had to be sent again, by the reason.
        idle_calls: Round trips that the server saw while nothing was to be done.
        slow_calls: Calls that took the server longer than it was told to note: microseconds, and what.
        claims_us: What claims took the server, from the first on.
    """

    seed: int
    lease_ms: int
    sweep_ms: int
    grace_ms: int
    jobs: int = 1
    max_stalls: int = 2
    started_ns: int = 0
    accepted: dict[str, Letter] = field(default_factory=dict)
    sent_at_ns: dict[str, int] = field(default_factory=dict)
    accepted_at_ns: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    dead: dict[str, str] = field(default_factory=dict)
    died_after: dict[str, int] = field(default_factory=dict)
    requeued_at_ns: dict[str, int] = field(default_factory=dict)
    reborn_at_ns: dict[str, int] = field(default_factory=dict)
    cancels: list[Cancel] = field(default_factory=list)
    clears: list[Clear] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    troubles: list[tuple[int, Trouble, str]] = field(default_factory=list)
    killed: dict[int, int] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    asked_again: dict[int, int] = field(default_factory=dict)
    orphans: dict[int, int] = field(default_factory=dict)
    frozen: list[Span] = field(default_factory=list)
    cut: list[Span] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    is_drained: bool = True
    is_gone: bool = True
    left_keys: list[str] = field(default_factory=list)
    restarts: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    idle_calls: int = 0
    samples: list[Sample] = field(default_factory=list)
    slow_calls: list[tuple[int, str]] = field(default_factory=list)
    claims_us: list[int] = field(default_factory=list)

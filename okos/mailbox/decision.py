"""How an attempt can end. A middleware decides; the engine writes it, fenced by the attempt's token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ack:
    """The work is done; the handler's effects are committed with it.

    `cost` is what the run really cost, in the unit of the rate limit; None keeps what was charged at the start.
    """

    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Run again after `delay_ms`, keeping the mailbox's order: nothing behind it starts before it has ended."""

    delay_ms: int
    error: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Dead:
    """Given up: a dead letter. The policy's effects (an apology) are committed with it."""

    error: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Back to the front of its mailbox, as if the attempt had not been. `started` is False if the handler never ran."""

    started: bool = True


@dataclass(frozen=True, slots=True)
class Defer:
    """Run again after `delay_ms`; not a failure, and not counted as an attempt."""

    delay_ms: int


Decision = Ack | Retry | Dead | Release | Defer

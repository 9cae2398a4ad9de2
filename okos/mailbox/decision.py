"""How an attempt can end. A middleware decides; the engine writes it, fenced by the attempt's token."""

from __future__ import annotations

from dataclasses import dataclass

import dramatiq

#: Longer is no wait in a mailbox but a message with a delay: everything behind it would wait, too.
MOST_POSTPONED_MS = 7 * 86_400_000


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


class Postpone(dramatiq.Retry):
    """Raised by a handler: not now, and it is nobody's fault. Its message runs again after `delay_ms`.

    For a service that says when to come back (a flood wait). The message keeps its place, so its mailbox waits and no
    other does; neither an attempt nor a retry is counted, the rate limit is not charged again, and nothing is logged as
    an error. What the run had sent or stored until then is dropped like that of any run that does not end with an ack:
    the next one makes its own. As nothing is counted, only `expires` or a cancel ends what is postponed for ever.

    Args:
        delay_ms: Whole milliseconds, from 1 to seven days.
        reason: For whoever catches it; not kept.

    Raises:
        ValueError: The delay is none. Raised in a handler, that is a failure like any other.
    """

    def __init__(self, delay_ms: int, reason: str = "") -> None:
        if isinstance(delay_ms, bool) or not isinstance(delay_ms, int) or not 1 <= delay_ms <= MOST_POSTPONED_MS:
            raise ValueError(f"delay_ms must be a whole number from 1 to {MOST_POSTPONED_MS:,}, not {delay_ms!r}")
        super().__init__(reason, delay=delay_ms)
        self.delay_ms = delay_ms

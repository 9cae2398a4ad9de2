"""The history: how it went, by the minute for an hour, by ten minutes for a day, by the hour for a week.

It is kept in three rings of slots on the server (lua/sample.lua) and never takes more than about 300 kB. A worker
process writes it, the one that sweeps; while none does, there are no slots, and what was done meanwhile is in the next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from okos.mailbox.measures import BUCKETS, Histogram, field_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Window = Literal["hour", "day", "week"]

#: Seconds of a slot, and slots in the ring.
WINDOWS: Mapping[Window, tuple[int, int]] = {"hour": (60, 60), "day": (600, 144), "week": (3600, 168)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One slot of the history.

    Attributes:
        at_ms: When it begins.
        span_ms: How long it was measured: up to its last sample, from the one before it, which was in an earlier slot.
        waiting: Like all that stands (running, limited, dead, oldest_wait_ms, memory_bytes): the most in this slot.
        limited: Mailboxes that could not start before an instant.
        memory_bytes: The server's; None if it does not tell.
        cpu_percent: Of one core, on average, that the server used; None if it does not tell.
        wait: As in `Measures`, like `run`.
    """

    at_ms: int
    span_ms: int
    accepted: int
    done: int
    died: int
    cancelled: int
    retried: int
    stalled: int
    prompt_tokens: int
    completion_tokens: int
    waiting: int
    running: int
    limited: int
    dead: int
    oldest_wait_ms: int
    memory_bytes: int | None
    cpu_percent: float | None
    wait: Histogram
    run: Histogram

    @property
    def done_per_second(self) -> float:
        """How many were completed a second."""
        return self.done * 1000 / self.span_ms if self.span_ms else 0.0


def read_history(slots: Iterable[bytes], *, window: Window, now_ms: int) -> list[Point]:
    """Read the slots of a ring that belong to this window, oldest first; what was not sampled is missing."""
    step_s, keep = WINDOWS[window]
    points = [_read_point(json.loads(slot)) for slot in slots]
    # a slot that was not overwritten, because nobody sampled, is of another time
    return sorted((one for one in points if one.at_ms > now_ms - keep * step_s * 1000), key=lambda one: one.at_ms)


def _read_point(slot: Mapping[str, Any]) -> Point:  # Any: JSON
    added: Mapping[str, int] = slot["sum"]
    peak: Mapping[str, int] = slot["peak"]
    span_ms = slot["to"] - slot["from"]
    cpu_ms, memory = added.get("cpu_ms"), peak.get("memory_bytes")
    return Point(
        at_ms=slot["at"],
        span_ms=span_ms,
        accepted=added.get("accepted", 0),
        done=added.get("done", 0),
        died=added.get("died", 0),
        cancelled=added.get("cancelled", 0),
        retried=added.get("retried", 0),
        stalled=added.get("stalled", 0),
        prompt_tokens=added.get(field_of("total", "prompt_tokens"), 0),
        completion_tokens=added.get(field_of("total", "completion_tokens"), 0),
        waiting=peak.get("waiting", 0),
        running=peak.get("running", 0),
        limited=peak.get("limited", 0),
        dead=peak.get("dead", 0),
        oldest_wait_ms=peak.get("oldest_wait_ms", 0),
        memory_bytes=memory,
        cpu_percent=None if memory is None or not span_ms else (cpu_ms or 0) * 100 / span_ms,
        wait=_histogram(added, "wait"),
        run=_histogram(added, "run"),
    )


def _histogram(added: Mapping[str, int], kind: str) -> Histogram:
    return Histogram(
        counts=tuple(added.get(field_of(kind, number), 0) for number in range(BUCKETS)),
        sum_ms=added.get(field_of(kind, "sum"), 0),
    )

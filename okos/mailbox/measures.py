"""What is measured: durations in buckets, and counts. Pure values; who gathers them is `meter.py`.

A histogram holds how many durations fell into each bucket, so that those of many processes are added up and a quantile
can be told of all of them. It is as exact as its buckets: between two bounds it is taken to rise evenly.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Upper bounds, ms: 1, 2, 5 of each power of ten, from what an engine adds to what a patient user waits. One more
#: bucket holds what is longer.
BOUNDS_MS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 3_600_000),
)
BUCKETS = len(BOUNDS_MS) + 1


def bucket_of(duration_ms: float) -> int:
    """Find the bucket of a duration; a bound belongs to the bucket that it ends."""
    return bisect_left(BOUNDS_MS, duration_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Durations by bucket. `counts` has one value for each bound and one for what is longer."""

    counts: tuple[int, ...] = (0,) * BUCKETS
    sum_ms: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts)

    @property
    def mean_ms(self) -> float | None:
        """Their mean; None if there are none."""
        return self.sum_ms / self.count if self.count else None

    def quantile_ms(self, share: float) -> float | None:
        """Tell below what duration this share of them is, as exactly as the buckets are; None if there are none."""
        count = self.count
        if not count:
            return None
        rank, before = share * count, 0
        for number, here in enumerate(self.counts[:-1]):
            if here and before + here >= rank:
                low = BOUNDS_MS[number - 1] if number else 0
                return low + (BOUNDS_MS[number] - low) * max(0.0, rank - before) / here
            before += here
        return float(BOUNDS_MS[-1])

    def __add__(self, other: Histogram) -> Histogram:
        """Put both together."""
        return Histogram(
            counts=tuple(one + another for one, another in zip(self.counts, other.counts, strict=True)),
            sum_ms=self.sum_ms + other.sum_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorMeasures:
    """What was measured of one actor. `outcomes`: how many attempts ended in each way."""

    wait: Histogram = field(default_factory=Histogram)
    run: Histogram = field(default_factory=Histogram)
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What all processes have measured since the namespace was made; the last heartbeat of each may be missing.

    Attributes:
        wait: From publication to claim, of first attempts that were not to wait (no delay, no hold).
        run: Of handlers, whatever became of them.
        outcomes: Attempts that ended as 'ok', 'retry', 'dead', 'cancelled', 'released' or 'deferred'.
        totals: What is counted beside messages, by name: `meter.count("prompt_tokens", 123)`.
        actors: The same by actor. The fields above are without housekeeping and without replies on their way.
    """

    wait: Histogram
    run: Histogram
    outcomes: Mapping[str, int]
    totals: Mapping[str, int]
    actors: Mapping[str, ActorMeasures]


#: A field of the hash `measures` is kind|part|actor: the actor comes last, and no name can be mistaken for another.
#: Its actor is empty for what is of all.
def field_of(kind: str, part: object, actor: str = "") -> str:
    """Name a field: kind 'wait' or 'run' with a bucket's number or 'sum', 'outcome' with its name, 'total' with its."""
    return f"{kind}|{part}|{actor}"


def read_measures(fields: Iterable[tuple[str, int]]) -> Measures:
    """Read the hash `measures`."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name, value in fields:
        kind, part, actor = name.split("|", 2)
        found.setdefault(actor, {}).setdefault(kind, {})[part] = value
    everything = found.pop("", {})
    return Measures(
        wait=_histogram(everything.get("wait", {})),
        run=_histogram(everything.get("run", {})),
        outcomes=everything.get("outcome", {}),
        totals=everything.get("total", {}),
        actors={
            actor: ActorMeasures(
                wait=_histogram(kinds.get("wait", {})),
                run=_histogram(kinds.get("run", {})),
                outcomes=kinds.get("outcome", {}),
            )
            for actor, kinds in sorted(found.items())
        },
    )


def _histogram(parts: Mapping[str, int]) -> Histogram:
    return Histogram(
        counts=tuple(parts.get(str(number), 0) for number in range(BUCKETS)),
        sum_ms=parts.get("sum", 0),
    )

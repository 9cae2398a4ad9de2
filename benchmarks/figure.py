"""What figures have in common: percentiles, medians of rounds, faults."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from benchmarks.ledger import Run, count_doubled, count_out_of_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A row of figures: an int is a count or says what was done, a float was measured, NaN if it could not be."""

    contestant: str
    others_percent: float = math.nan
    """Share of all cores that other programs used meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Figures):
    """Figures of a measurement in which messages were handled, and what went wrong with them.

    Attributes:
        missing: Not run before the deadline.
        out_of_order: Started before an earlier one of the same user had ended.
        doubled: Runs of a message beyond its first.
    """

    missing: int
    out_of_order: int
    doubled: int


F = TypeVar("F", bound=Figures)


def faults_of(messages: int, runs: Sequence[Run]) -> dict[str, int]:
    """Count what went wrong, by the names of the fields of `Handled`."""
    return {
        "missing": max(0, messages - len({(run.user, run.seq) for run in runs})),
        "out_of_order": count_out_of_order(runs),
        "doubled": count_doubled(runs),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least so many percent of the values do not exceed; NaN if there is none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def median_of(rounds: Sequence[F]) -> F:
    """Return the median of every figure; of counts (missing, out of order, doubled, keys left) the worst."""
    changes: dict[str, Any] = {}  # by field name: a count or a figure
    for field in fields(rounds[0]):
        values = [getattr(one, field.name) for one in rounds]
        if isinstance(values[0], float):
            changes[field.name] = _median(values)
        elif isinstance(values[0], int):
            changes[field.name] = max(values)
    return replace(rounds[0], **changes)


def _median(values: Iterable[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    return statistics.median(measured) if measured else math.nan

"""What was measured, beside what it may be at most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure; `most` is the bar."""

    what: str
    value: float
    most: float
    unit: str = "ms"

    @property
    def is_good(self) -> bool:
        """Whether it is within its bar: what was not measured (NaN) is not."""
        return self.value <= self.most

    def __str__(self) -> str:
        """Say it in a line."""
        if math.isnan(self.value):
            return f"{self.what}: not measured, at most {self.most:,.0f} {self.unit}"
        verdict = "" if self.is_good else "  TOO MUCH"
        return f"{self.what}: {self.value:,.1f} {self.unit}, at most {self.most:,.0f}{verdict}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies; NaN when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan


def outcome_of_figures(figures: Sequence[Figure], outcome: Outcome | None = None) -> Outcome:
    """Judge them, beside what else was judged."""
    bad = [figure for figure in figures if not figure.is_good]
    before = outcome or Outcome(is_good=True, table="")
    return Outcome(
        is_good=before.is_good and not bad,
        table="\n".join(filter(None, [before.table, *(f"  {figure}" for figure in figures)])),
        story="\n".join(filter(None, [before.story, *(f"FAULT too much: {figure}" for figure in bad)])),
        figures=before.figures | {figure.what: figure.value for figure in figures},
    )

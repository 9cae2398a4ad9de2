"""The last table: every run in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.outcome import Outcome

COLUMNS = ("accepted", "done", "dead", "cancelled", "lost", "doubled", "reordered", "overlapped", "wasted", "keys_left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run and what it came to."""

    name: str
    outcome: Outcome
    took_s: float


def as_summary(rows: Sequence[Row]) -> str:
    """Return a line for each run, and one for all."""
    width = max(len(row.name) for row in rows)
    titles = [name.replace("_", " ") for name in COLUMNS]
    lines = ["", "  ".join([" " * width, *titles, "first re-run", " took", "verdict"])]
    for row in rows:
        figures = row.outcome.figures
        cells = [f"{figures.get(name, ''):>{len(title)}}" for name, title in zip(COLUMNS, titles, strict=True)]
        reruns = figures.get("reruns_ms")
        again = f"{max(reruns)} ms" if reruns else ""
        verdict = "no fault" if row.outcome.is_good else "FAULTS"
        lines.append("  ".join([f"{row.name:<{width}}", *cells, f"{again:>12}", f"{row.took_s:4.0f} s", verdict]))
    bad = [row.name for row in rows if not row.outcome.is_good]
    minutes = sum(row.took_s for row in rows) / 60
    lines.append(
        f"{len(rows) - len(bad)} of {len(rows)} without a fault, in {minutes:.0f} minutes"
        + (f"; not {', '.join(bad)}" if bad else "")
    )
    return "\n".join(lines)

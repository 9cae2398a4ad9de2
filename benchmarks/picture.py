"""The picture of a run: what each contestant does with the two throughput workloads, as bars, written by hand.

It brings its own background, light or dark as the reader's system is, so that it can be read wherever it is shown.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.contestant import CONTESTANTS
from benchmarks.crew import PROCESSES, THREADS
from benchmarks.drain import Drain
from benchmarks.figure import Figures

_WIDTH = 1000
_LABELS = 156
_PANEL, _GAP = 186, 24
#: The longest bar; the rest of a panel is for what it says.
_LONGEST = 128
_TOP, _ROW, _BAR = 134, 34, 20

_STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2937 }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-weight: 600 }
  .quiet { fill: #5b6472 }
  .paper { fill: #ffffff }
  .axis { stroke: #c4cad3 }
  .ordered { fill: #1d6fb8 }
  .unordered { fill: #a9b4c2 }
  .broken { fill: #d1553a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9ee }
    .quiet { fill: #9aa5b4 }
    .paper { fill: #12161c }
    .axis { stroke: #3b4450 }
    .ordered { fill: #4c9fe6 }
    .unordered { fill: #66717f }
    .broken { fill: #e8765c }
  }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Bars beside each other's, one for each contestant.

    Attributes:
        title: What is shown, in which unit.
        subtitle: Of which workload.
        better: Which way is better.
        values: Contestant -> value; NaN or left out: not measured.
        shows_faults: A bar is something that should not be.
    """

    title: str
    subtitle: str
    better: str
    values: dict[str, float]
    shows_faults: bool = False


def draw(figures: Sequence[Figures]) -> str | None:
    """Return the picture of a run as SVG; None if its throughput was not measured."""
    drains = [one for one in figures if isinstance(one, Drain) and not one.sleep_ms]
    if not drains:
        return None
    loads = sorted({(one.users, one.messages_per_user) for one in drains}, reverse=True)
    contestants = [name for name in CONTESTANTS if any(one.contestant == name for one in drains)]
    many, few = loads[0], loads[-1]

    def values(load: tuple[int, int], value: Callable[[Drain], float]) -> dict[str, float]:
        return {one.contestant: value(one) for one in drains if (one.users, one.messages_per_user) == load}

    panels = [
        Panel(
            title="Messages a second",
            subtitle=_said(many),
            better="more is better",
            values=values(many, lambda one: one.handled_per_s),
        ),
        Panel(
            title="Messages a second",
            subtitle=_said(few),
            better="more is better",
            values=values(few, lambda one: one.handled_per_s),
        ),
        Panel(
            title="Server CPU, µs a message",
            subtitle=f"to drain {_said(many)}",
            better="less is better",
            values=values(many, lambda one: one.drain_cpu_us),
        ),
        Panel(
            title=f"Out of order, of {few[0] * few[1]:,}",
            subtitle=_said(few),
            better="none is right",
            values=values(few, lambda one: one.out_of_order),
            shows_faults=True,
        ),
    ]
    return picture(contestants, panels, f"A backlog of no-op messages, handled by {PROCESSES} processes x {THREADS}")


def picture(contestants: Sequence[str], panels: Sequence[Panel], title: str) -> str:
    """Return panels side by side, a row for each contestant, as SVG."""
    bottom = _TOP + _ROW * len(contestants)
    height = bottom + 18
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>',
        _text(20, 32, title, "title"),
        *_legend(20, 56),
    ]
    for row, name in enumerate(contestants):
        kind = "panel" if name == "okos" else ""
        parts.append(_text(_LABELS - 12, _middle(row) + 4, CONTESTANTS[name].short, kind, anchor="end"))
    for column, panel in enumerate(panels):
        parts += _panel(_LABELS + column * (_PANEL + _GAP), bottom, panel, contestants)
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, bottom: int, panel: Panel, contestants: Sequence[str]) -> list[str]:
    measured = [value for value in panel.values.values() if not math.isnan(value)]
    most = max(measured, default=0) or 1
    parts = [
        _text(left, _TOP - 44, panel.title, "panel"),
        _text(left, _TOP - 28, panel.subtitle, "quiet"),
        _text(left, _TOP - 12, panel.better, "quiet"),
        f'<path class="axis" d="M{left} {_TOP}V{bottom}"/>',
    ]
    for row, name in enumerate(contestants):
        value = panel.values.get(name, math.nan)
        said = "not measured" if math.isnan(value) else f"{value:,.0f}"
        length = 0 if math.isnan(value) else value / most * _LONGEST
        if length:
            kind = "broken" if panel.shows_faults else "ordered" if CONTESTANTS[name].is_ordered else "unordered"
            parts.append(
                f'<rect class="{kind}" x="{left}" y="{_middle(row) - _BAR // 2}" width="{max(length, 1):.1f}" '
                f'height="{_BAR}" rx="2"/>'
            )
        parts.append(_text(left + length + 6, _middle(row) + 4, said, ""))
    return parts


def _legend(left: int, top: int) -> list[str]:
    parts: list[str] = []
    for kind, said in (("ordered", "keeps each user's order"), ("unordered", "does not"), ("broken", "out of order")):
        parts.append(f'<rect class="{kind}" x="{left}" y="{top - 9}" width="11" height="11" rx="2"/>')
        parts.append(_text(left + 17, top + 1, said, "quiet"))
        left += 34 + 7 * len(said)
    return parts


def _text(x: float, y: float, said: str, kind: str, *, anchor: str = "start") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(said)}</text>'


def _middle(row: int) -> int:
    return _TOP + row * _ROW + _ROW // 2


def _said(load: tuple[int, int]) -> str:
    users, messages = load
    return f"{users:,} users x {messages:,}"

"""A picture of two panels, written by hand: how long light users wait, and what load does to one server."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 460, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 46, 16, 50
_COLOURS = ("#1668b0", "#c2410c", "#4d7c0f", "#6b21a8")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One diagram.

    Attributes:
        lines: Name -> points.
        x_ticks: (value, what it says); the first and last are the ends of the axis. Logarithmic if `is_log`.
        y_ticks: The same for y, logarithmic if `is_log_y`.
    """

    title: str
    x_title: str
    y_title: str
    lines: dict[str, Sequence[Point]]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    is_log: bool = False
    is_log_y: bool = False


def draw(panels: Sequence[Panel]) -> str:
    """Return the panels side by side as SVG."""
    width = _WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" font-family="sans-serif">',
        f'<rect width="{width}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate({number * _WIDTH} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def x(value: float) -> float:
        return _LEFT + _share(value, panel.x_ticks, is_log=panel.is_log) * (right - _LEFT)

    def y(value: float) -> float:
        return bottom - _share(value, panel.y_ticks, is_log=panel.is_log_y) * (bottom - _TOP)

    parts = [f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{panel.title}</text>']
    for value, said in panel.x_ticks:
        parts.append(f'<path d="M{x(value):.1f} {_TOP}V{bottom}" stroke="#e5e7eb"/>')
        parts.append(f'<text font-size="12" x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{said}</text>')
    for value, said in panel.y_ticks:
        parts.append(f'<path d="M{_LEFT} {y(value):.1f}H{right}" stroke="#e5e7eb"/>')
        parts.append(f'<text font-size="12" x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{said}</text>')
    parts.append(
        f'<text font-size="12" x="{(_LEFT + right) / 2}" y="{_HEIGHT - 14}" text-anchor="middle">{panel.x_title}</text>'
    )
    parts.append(f'<text font-size="12" x="{_LEFT - 48}" y="36">{panel.y_title}</text>')
    for points, colour in zip(panel.lines.values(), _COLOURS, strict=False):
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for number, (name, colour) in enumerate(zip(panel.lines, _COLOURS, strict=False)):
        line_x, line_y = right - 178, bottom - 32 + 18 * number
        parts.append(f'<path d="M{line_x} {line_y - 4}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text font-size="12" x="{line_x + 24}" y="{line_y}">{name}</text>')
    return parts


def _share(value: float, ticks: Sequence[tuple[float, str]], *, is_log: bool) -> float:
    """Return where a value is between the first and the last tick, from 0 to 1."""
    least, most = ticks[0][0], ticks[-1][0]
    value = min(max(value, least), most)
    if is_log:
        return math.log(value / least) / math.log(most / least)
    return (value - least) / (most - least)

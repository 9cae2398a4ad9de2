"""Markdown tables that can be read in a terminal, too."""

import math
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table; the first `texts` columns are texts, the others are figures."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = ["-" * width if column < texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(
        [_line(head, widths, texts), _line(rule, widths, texts), *(_line(row, widths, texts) for row in rows)]
    )


def number(value: float, pattern: str, unit: str = "") -> str:
    """Return a figure in a format and with its unit, nothing for one that could not be measured."""
    return "" if math.isnan(value) else format(value, pattern) + unit


def ratio(value: float, base: float) -> str:
    """Return how many times the base it is, nothing without one."""
    return "" if math.isnan(value) or math.isnan(base) or not base else f"{value / base:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int], texts: int) -> str:
    padded = [
        cell.ljust(width) if column < texts else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"

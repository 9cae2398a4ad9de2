"""Cutting a text into messages. Pure.

A message holds at most 4096 UTF-16 units and 100 spans of formatting. It is cut where a reader would: between
paragraphs, else lines, else sentences, else words; and not inside code or a link, unless that alone is too long.
Between two messages white space is left out, nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

from okos.telegram.markup import CUTTABLE, Marked, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_UNITS = 4096
MOST_CAPTION_UNITS = 1024
MOST_SPANS = 100

#: Where to cut, the best place first; after what these match. The escapes are the full-width signs of Chinese.
_PLACES = [
    re.compile(pattern) for pattern in (r"\n[ \t]*\n\s*", r"\n", r"[.!?\u2026][\"')\]]*\s|[\u3002\uff01\uff1f]", r"\s")
]
_BEYOND_BMP = 0xFFFF


def split(whole: Marked, *, most_units: int = MOST_UNITS, first_units: int | None = None) -> list[Marked]:
    """Cut a text into messages, none of them blank.

    Args:
        whole: The text.
        most_units: What one message holds.
        first_units: What the first one holds, if that is something else: a caption.
    """
    pieces = []
    starts = _unit_starts(whole.text)
    begin, room = 0, first_units or most_units
    while begin < len(whole.text):
        end = _cut(whole, starts, begin, room)
        piece = _trimmed(whole, starts, begin, end)
        if piece is not None:
            pieces.append(piece)
            room = most_units
        begin = end
    return pieces


def _cut(whole: Marked, starts: list[int], begin: int, room: int) -> int:
    """Find where the message that begins there ends."""
    length = len(whole.text)
    # The last character that begins within the room ends beyond it, unless all fits.
    furthest = min(length, bisect_right(starts, starts[begin] + room) - 1)
    within = [span for span in whole.spans if starts[begin] < span.end and span.offset < starts[furthest]]
    if len(within) > MOST_SPANS:
        # Where the first span too many begins, if that is not where we are.
        crowded = bisect_right(starts, within[MOST_SPANS].offset) - 1
        furthest = crowded if crowded > begin else furthest
    if furthest == length:
        return length
    closed = [(span.offset, span.end) for span in within if not CUTTABLE[span.kind]]
    # A message that is half empty is better than a sentence in two; a word in two is the last resort.
    find = partial(_place, whole.text, starts, begin, furthest)
    end = find(closed=closed, places=_PLACES, least=begin + (furthest - begin) // 2)
    end = end or find(closed=closed, places=_PLACES[-1:], least=begin)
    if end is not None:
        return end
    before = [offset for offset, after in closed if offset < starts[furthest] < after]
    if before and min(before) > starts[begin]:
        return bisect_right(starts, min(before)) - 1
    if before:
        # Code or a link that is too long for a message of its own.
        return find(closed=[], places=_PLACES[1:], least=begin) or furthest
    return furthest


def _place(
    text: str,
    starts: list[int],
    begin: int,
    furthest: int,
    *,
    closed: list[tuple[int, int]],
    places: list[re.Pattern[str]],
    least: int,
) -> int | None:
    """Find the last of the best places beyond `least` that is not inside what is closed; None if there is none."""
    for place in places:
        for end in _ends(place, text, begin, furthest):
            if end <= least:
                break
            if not any(offset < starts[end] < after for offset, after in closed):
                return end
    return None


def _ends(place: re.Pattern[str], text: str, begin: int, furthest: int) -> Iterator[int]:
    """Give the ends of what matches, the last one first."""
    found = [match.end() for match in place.finditer(text, begin, furthest)]
    return reversed(found)


def _trimmed(whole: Marked, starts: list[int], begin: int, end: int) -> Marked | None:
    """Take a stretch out, without empty lines before and white space behind; None if nothing is left."""
    # Code keeps the spaces that it begins with.
    is_code = any(span.kind == "pre" and span.offset <= starts[begin] < span.end for span in whole.spans)
    stripped = whole.text[begin:end].lstrip("\r\n" if is_code else None)
    begin = end - len(stripped)
    text = stripped.rstrip()
    if not text:
        return None
    first, last = starts[begin], starts[begin + len(text)]
    spans = [_clipped(span, first, last) for span in whole.spans if span.offset < last and first < span.end]
    return Marked(text, tuple(spans[:MOST_SPANS]))


def _clipped(span: Span, first: int, last: int) -> Span:
    offset = max(span.offset, first)
    return replace(span, offset=offset - first, length=min(span.end, last) - offset)


def _unit_starts(text: str) -> list[int]:
    """Tell at which UTF-16 unit each character begins, and where the last one ends."""
    return [0, *accumulate(2 if ord(char) > _BEYOND_BMP else 1 for char in text)]

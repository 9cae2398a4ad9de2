"""Numbers, times and states as a person reads them: the filters of the templates. Pure functions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from okos.operate.text import LATEST_MS

_SECOND_MS, _MINUTE_MS, _HOUR_MS, _DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
_KILO = 1024
_TEN_SECONDS_MS = 10_000
#: Below this: these two units.
_LARGE = (
    (_HOUR_MS, _MINUTE_MS, "min", _SECOND_MS, "s"),
    (_DAY_MS, _HOUR_MS, "h", _MINUTE_MS, "min"),
    (float("inf"), _DAY_MS, "d", _HOUR_MS, "h"),
)
_THOUSAND, _MILLION = 10_000, 1_000_000

NOTHING = "\N{EN DASH}"

PLACES = {
    "idle": "Nothing waits.",
    "ready": "Waits for a free thread: it is served in its turn.",
    "timed": "May not start yet: a backoff after an error, a hold, or the user's rate limit.",
    "full": "As many of its messages run as may run at once.",
    "paused": "Paused by an operator: nothing starts until it is resumed.",
}


def duration(ms: float | None) -> str:
    """Say how long: 7 ms, 1.2 s, 42 s, 3 min, 2 h 5 min, 4 d."""
    if ms is None:
        return NOTHING
    ms = max(0, round(ms))
    if ms < _SECOND_MS:
        return f"{ms} ms"
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.1f} s" if ms < _TEN_SECONDS_MS else f"{ms // _SECOND_MS} s"
    large = next(large for large in _LARGE if ms < large[0])
    return _two(ms, *large[1:])


def _two(ms: int, large_ms: int, large: str, small_ms: int, small: str) -> str:
    first, left = divmod(ms, large_ms)
    second = left // small_ms
    return f"{first} {large} {second} {small}" if second else f"{first} {large}"


def number(value: float | None) -> str:
    """Write a count with thin spaces between thousands; a fraction with one place."""
    if value is None:
        return NOTHING
    text = f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"  # noqa: PLR2004
    return text.replace(",", "\u202f")


def short(value: float | None) -> str:
    """Write a large count in few characters: 9 999, 12.3 k, 4.5 M."""
    if value is None or abs(value) < _THOUSAND:
        return number(value)
    return f"{value / 1000:.1f} k" if abs(value) < _MILLION else f"{value / _MILLION:.1f} M"


def size(value: float | None) -> str:
    """Say how many bytes: 12 kB, 3.4 MB."""
    if value is None:
        return NOTHING
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < _KILO or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004
        value /= _KILO
    return NOTHING


def percent(value: float | None) -> str:
    """Write a share of one."""
    return NOTHING if value is None else f"{value:.0%}"


def instant(ms: float | None) -> str:
    """Write an instant: 2026-11-24 08:45:13 UTC. One that is in no calendar came from outside."""
    if not ms or not 0 < ms <= LATEST_MS:
        return NOTHING
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(ms: float) -> str:
    """Write an instant for a machine."""
    if not 0 <= ms <= LATEST_MS:
        return NOTHING
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def plural(count: int, one: str, many: str = "") -> str:
    """Count things: 1 message, 2 messages."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def first_line(text: str, most: int = 160) -> str:
    """Cut a text to its first line."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= most else line[: most - 1] + "…"


def pretty(value: object) -> str:
    """Write a value as JSON for a reader."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def sentence(text: str) -> str:
    """Begin a text with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def place(name: str) -> str:
    """Explain where a mailbox is."""
    return PLACES.get(name, "")


FILTERS = {
    "duration": duration,
    "number": number,
    "short": short,
    "size": size,
    "percent": percent,
    "instant": instant,
    "iso": iso,
    "first_line": first_line,
    "place": place,
    "sentence": sentence,
    "pretty": pretty,
    "counted": plural,
}

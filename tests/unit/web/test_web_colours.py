"""The colours of the pages can be told apart, by day and by night: WCAG 2.1, 1.4.3, at least 4.5 to 1 for text."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "okos/web/static/okos.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): (#\w{6});", part)) for part in CSS.split("@media", 2)[:2])
PAIRS = [
    ("text", "bg"),
    ("text", "surface"),
    ("muted", "bg"),
    ("muted", "surface"),
    ("muted", "sunk"),
    ("accent", "surface"),
    ("accent", "bg"),
    ("accent", "accent-soft"),
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("bad", "surface"),
    ("on-accent", "accent"),
    ("surface", "bad"),
]


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("written", "on"), PAIRS)
def test_text_stands_out_from_what_it_is_on(scheme: dict[str, str], written: str, on: str) -> None:
    dark, bright = sorted((luminance(scheme[written]), luminance(scheme[on])))

    assert (bright + 0.05) / (dark + 0.05) >= 4.5

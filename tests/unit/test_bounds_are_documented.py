"""docs/operations.md and config/okos.toml have the bounds of every setting that is a number, as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel

from okos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
TOML = (Path(__file__).parents[2] / "config" / "okos.toml").read_text(encoding="utf-8")
TABLE = PAGE.partition("### The bounds of the settings")[2].partition("\n## ")[0]


def number(cell: str) -> float:
    """Read a bound, without what is said of it."""
    found = re.search(r"-?[\d,.]+", cell)
    assert found is not None, cell
    return float(found[0].replace(",", ""))


def documented() -> dict[str, tuple[float, bool, float]]:
    return {
        name: (number(least), "above" in least, number(most))
        for names, least, most in re.findall(r"(?m)^\| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", TABLE)
        for name in re.findall(r"`([^`]+)`", names)
    }


def bounds(section: type[BaseModel], before: str = "") -> Iterator[tuple[str, tuple[float, bool, float]]]:
    """Give each setting with bounds, by its dotted name: the least, whether it is above that, the most."""
    for name, field in section.model_fields.items():
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from bounds(part, f"{before}{name}.")
        least = [one for one in field.metadata if isinstance(one, (Ge, Gt))]
        most = [one.le for one in field.metadata if isinstance(one, Le)]
        if least or most:
            [low], [high] = least, most
            bound = low.gt if isinstance(low, Gt) else low.ge
            yield before + name, (float(str(bound)), isinstance(low, Gt), float(str(high)))


def is_number(section: type[BaseModel], name: str) -> bool:
    annotation = section.model_fields[name].annotation
    return bool({int, float} & {annotation, *get_args(annotation)})


def test_every_bound_is_documented_as_it_is() -> None:
    assert documented() == dict(bounds(Settings))


def named_in_the_file() -> Iterator[tuple[str, tuple[float, bool, float]]]:
    """Give the bounds behind each setting in okos.toml; a kind's are those of all kinds."""
    section = ""
    for line in TOML.splitlines():
        if head := re.match(r"\[(\w+)[^\]]*\]", line):
            section = f"{head[1]}."
        if said := re.match(r"(?:# )?(\w+) = .*\[(above )?(\S+) to (\S+)\]$", line):
            yield section + said[1], (float(said[3]), bool(said[2]), float(said[4]))


def test_the_file_of_all_settings_names_every_bound_too() -> None:
    assert dict(named_in_the_file()) == dict(bounds(Settings))


def test_every_number_has_bounds() -> None:
    bounded = dict(bounds(Settings))

    assert [name for name in Settings.model_fields if is_number(Settings, name) and name not in bounded] == []

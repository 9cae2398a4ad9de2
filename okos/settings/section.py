"""What the sections of the settings have in common: each is checked, immutable, and knows its names.

It imports nothing of Okos.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

# What no number of seconds is above: far more than is meant by anybody, and less than breaks a clock or a script.
DAY_S = 86_400
TEN_YEARS_S = 315_360_000


class Section(BaseModel):
    """One section: what it does not know is an error, what it holds stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def absolute(path: Path) -> Path:
    """Give a path from the root, ~ and ~name replaced.

    Raises:
        ValueError: There is nobody of that name.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("there is no home directory of that user") from None


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay mappings over one another, the last on top, section by section."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = result.get(name)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                result[name] = merged(below, value)
            else:
                result[name] = value
    return result


def _is_a_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", value):
        raise ValueError("should be a short name of a-z, 0-9, - and _, beginning with a letter")
    return value


def _is_a_package(value: str) -> str:
    if not all(part.isidentifier() for part in value.split(".")):
        raise ValueError("should be the dotted name of a Python package")
    return value


def _one_or_several(value: object) -> object:
    """Take one alone, and several with commas between, as they are written in a variable."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int) else value


Several = BeforeValidator(_one_or_several)
Name = Annotated[str, AfterValidator(_is_a_name)]
PackageName = Annotated[str, AfterValidator(_is_a_package)]

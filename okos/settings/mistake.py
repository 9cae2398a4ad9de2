"""What a wrong setting says: in one line its name, where its value is from, and why, and no secret."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from okos.errors import OkosError
from okos.secret_file import ENDING
from okos.settings.engine import Kind
from okos.settings.model import FALLBACKS
from okos.settings.whole import PREFIX, Settings

# What is never shown, be it wrong or right.
_SECRET = {
    "api_key",
    "base_url",
    "redis_url",
    "api_hash",
    "bot_token",
    "operator_token",
    "viewer_token",
    "dsn",
    "endpoint",
}


class SettingsError(OkosError):
    """A setting has a wrong value, or a name that Okos does not know; it says which, why and where."""


def explain(errors: list[ErrorDetails], config: Path | None, file: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """One line on the first error, and how many more there are."""
    first = errors[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    name = ".".join(path)
    origin = _origin(path, config, file, given)
    if first["type"] == "extra_forbidden":
        text = f"there is no setting {name}{origin}{did_you_mean(path[-1], _names_beside(path))}"
    elif not path:
        text = first["msg"].removeprefix("Value error, ")
    else:
        reason = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        shown = isinstance(first["input"], str | int | float) and not _SECRET & {*path}
        got = f" (it is {first['input']!r:.60})" if shown else ""
        text = f"the setting {name} is wrong{origin}: {reason}{got}"
    more = len(errors) - 1
    return f"{text} (and {more} more wrong)" if more else text


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say the known name that a mistyped one is nearest to, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _origin(path: list[str], config: Path | None, file: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Where the value at this path came from, as it reads in a sentence."""
    if path and path[0] in given:
        return ", as given"
    variables = {name.upper().removesuffix(ENDING): name for name, value in os.environ.items() if value}
    for depth in range(len(path), 0, -1):
        if found := variables.get(PREFIX + "__".join(path[:depth]).upper()):
            return f", from the environment variable {found}"
    value: object = file
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            break
        value = value[part]
    else:
        return f", in {config}" if path else ""
    fallback = [name for name, field in FALLBACKS.items() if path == ["model", field]]
    return f", from the environment variable {fallback[0]}" if fallback else ""


def _names_beside(path: list[str]) -> list[str]:
    """The settings that the section of this path does have."""
    section: type[BaseModel] = Settings
    for part in path[:-1]:
        field = section.model_fields.get(part)
        annotation = Kind if field is None else field.annotation
        section = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else Kind
    return list(section.model_fields)

"""Where the settings of this machine come from, and how a child process is given the same ones."""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as UnreadableVariable

from okos.secret_file import ENDING, SecretUnreadable, with_secret_files
from okos.settings.mistake import SettingsError, explain
from okos.settings.model import FALLBACKS
from okos.settings.section import Several, absolute, merged
from okos.settings.whole import PREFIX, Settings

CONFIG_VARIABLE = "OKOS_CONFIG"
DEFAULT_CONFIG = Path("config/okos.toml")


def load_settings(**given: Any) -> Settings:  # Any: each value is checked against its field
    """Gather the settings of this machine.

    Args:
        **given: Values that win over everything else, as a command's options do; None means not given.

    Raises:
        SettingsError: A value is wrong, a name is unknown, or the configuration file cannot be read.
    """
    config = find_config()
    file = {} if config is None else _read_config(config)
    fallback = {field: os.environ[name] for name, field in FALLBACKS.items() if os.environ.get(name)}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        environment = _Environment(Settings)()
    except SecretUnreadable as error:
        raise SettingsError(str(error)) from error
    except UnreadableVariable as error:
        _, section, _ = f'{error}"section"'.split('"', maxsplit=2)
        raise SettingsError(
            f"the environment variable {PREFIX}{section.upper()} should hold JSON and does not; "
            f"or set one of its values: {PREFIX}{section.upper()}__…"
        ) from error
    try:
        return Settings(**merged({"model": fallback} if fallback else {}, file, environment, given))
    except ValidationError as error:
        raise SettingsError(explain(error.errors(), config, file, given)) from error


def find_config() -> Path | None:
    """The configuration file: what `OKOS_CONFIG` names (or holds, if a directory), else ./config/okos.toml.

    Returns:
        None if there is none; the defaults hold.

    Raises:
        SettingsError: `OKOS_CONFIG` names nothing that exists.
    """
    if named := os.environ.get(CONFIG_VARIABLE):
        try:
            path = absolute(Path(named))
        except ValueError as error:
            raise SettingsError(f"{CONFIG_VARIABLE} is wrong: {error}") from error
        path = path / DEFAULT_CONFIG.name if path.is_dir() else path
        if not path.exists():
            raise SettingsError(f"no configuration file {path}, named by {CONFIG_VARIABLE}")
        return path
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a child process in which `load_settings` gives exactly these settings.

    Whatever else could speak is silenced: the parent's own variables of Okos, the fallbacks, the file.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(PREFIX) and name not in FALLBACKS
    }
    environment[CONFIG_VARIABLE] = os.devnull
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            text = str(value) if isinstance(value, str | int | float | Path) else json.dumps(_plain(value))
            environment[f"{PREFIX}{name.upper()}"] = text
    return environment


def unknown_variables() -> list[str]:
    """Variables of the environment that look like a setting and are none: most often a slip of the pen."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    ours = [name for name in os.environ if name.upper().startswith(PREFIX)]
    return sorted(name for name in ours if name.upper().removesuffix(ENDING).partition("__")[0] not in known)


class _Environment(EnvSettingsSource):
    """The variables, with what is in files; a list among them as JSON or as it is written by hand: 7, or 7,8."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in with_secret_files(os.environ, PREFIX).items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # Any: pydantic-settings' own
        if Several in field.metadata and not value.lstrip().startswith("["):
            return value
        return super().decode_complex_value(field_name, field, value)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration file {path} is not TOML: {error}") from error


def _plain(value: object) -> object:
    """What JSON can hold, with the secrets in clear: for a child's environment, never for a log."""
    if isinstance(value, BaseModel):
        return {name: _plain(part) for name in type(value).model_fields if (part := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Path):
        return str(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else value

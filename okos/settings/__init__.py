"""Every setting of Okos: its name, unit, limits and default, and where its value comes from.

A value comes from, the first that has one: what the caller gives (a command's option); an environment variable
(`OKOS_CONCURRENCY`, `OKOS_MODEL__NAME`: two underscores step into a section), or the file that one with `_FILE` at its
end names (`okos.secret_file`); the configuration file (what `OKOS_CONFIG` names, else ./config/okos.toml when there is
one); for the model's key and address `OPENAI_API_KEY` and `OPENAI_BASE_URL`; the default below. config/okos.toml shows
all of them; a test keeps the two equal.

This is the only package that reads the environment, and it does so only when called: `Settings(...)` itself takes
nothing but its arguments and the defaults.
"""

from okos.settings.engine import DeadHistory, DoneHistory, Kind, Schedule
from okos.settings.load import (
    CONFIG_VARIABLE,
    DEFAULT_CONFIG,
    child_environment,
    find_config,
    load_settings,
    unknown_variables,
)
from okos.settings.mistake import SettingsError, did_you_mean
from okos.settings.model import OPENAI_URL, Memory, Model
from okos.settings.section import Name, PackageName
from okos.settings.telegram import Access, Telegram
from okos.settings.telemetry import Sentry, Tracing
from okos.settings.web import Web
from okos.settings.whole import PREFIX, Settings

__all__ = [
    "CONFIG_VARIABLE",
    "DEFAULT_CONFIG",
    "OPENAI_URL",
    "PREFIX",
    "Access",
    "DeadHistory",
    "DoneHistory",
    "Kind",
    "Memory",
    "Model",
    "Name",
    "PackageName",
    "Schedule",
    "Sentry",
    "Settings",
    "SettingsError",
    "Telegram",
    "Tracing",
    "Web",
    "child_environment",
    "did_you_mean",
    "find_config",
    "load_settings",
    "unknown_variables",
]

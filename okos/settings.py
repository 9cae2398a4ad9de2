"""Every setting of Okos: its name, unit, limits and default, and where its value comes from.

A value comes from, the first that has one: what the caller gives (a command's option); an environment
variable (`OKOS_CONCURRENCY`, `OKOS_MODEL__NAME`: two underscores step into a section); the configuration file
(what `OKOS_CONFIG` names, else ./config/okos.toml when there is one); for the model's key and address
`OPENAI_API_KEY` and `OPENAI_BASE_URL`; the default below. config/okos.toml shows all of them; a test keeps
the two equal.

This is the only module that reads the environment, and it does so only when called: `Settings(...)` itself
takes nothing but its arguments and the defaults. It imports nothing of Okos but the errors.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from okos.errors import OkosError

PREFIX = "OKOS_"
CONFIG_VARIABLE = "OKOS_CONFIG"
DEFAULT_CONFIG = Path("config/okos.toml")
OPENAI_URL = "https://api.openai.com/v1"

_FALLBACKS = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url"}
# What is never shown, be it wrong or right.
_SECRET = {"api_key", "base_url", "redis_url", "api_hash", "bot_token", "operator_token", "viewer_token"}
_KINDS: Mapping[str, Mapping[str, int]] = {
    "text": {"priority": 0, "cost": 1},
    "photo": {"priority": 0, "cost": 3},
    "sticker": {"priority": 0, "cost": 1},
}


def _is_a_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", value):
        raise ValueError("should be a short name of a-z, 0-9, - and _, beginning with a letter")
    return value


def _is_a_package(value: str) -> str:
    if not all(part.isidentifier() for part in value.split(".")):
        raise ValueError("should be the dotted name of a Python package")
    return value


Name = Annotated[str, AfterValidator(_is_a_name)]
PackageName = Annotated[str, AfterValidator(_is_a_package)]


class SettingsError(OkosError):
    """A setting has a wrong value, or a name that Okos does not know; it says which, why and where."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DoneHistory(_Section):
    """How many finished messages are kept to look at, and for how long; whichever is less."""

    count: int = Field(default=1000, ge=0)
    age_s: int = Field(default=3600, ge=0)


class DeadHistory(_Section):
    """How many dead letters are kept to look at and to requeue, and for how long; whichever is less."""

    count: int = Field(default=1000, ge=0)
    age_s: int = Field(default=604_800, ge=0)


class Kind(_Section):
    """What a message of one kind counts for: its band (below 0 is sooner) and its share of the rate limit."""

    priority: int = Field(default=0, ge=-100, le=100)
    cost: int = Field(default=1, ge=1, le=1_000_000)


class Model(_Section):
    """The model that answers: any server with the OpenAI API. Neither address nor key: the offline one."""

    base_url: str | None = None
    api_key: SecretStr | None = None
    name: str = Field(default="gpt-4o-mini", min_length=1)
    timeout_s: float = Field(default=60, gt=0)
    first_token_timeout_s: float = Field(default=30, gt=0)
    stream: bool = True
    system_prompt: str = "You are Okos, a helpful assistant. Answer briefly, in the language of the user."

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/")

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask; if not, the offline responder answers."""
        return self.base_url is not None or self.api_key is not None

    @property
    def url(self) -> str:
        """The address to ask: the configured one, else OpenAI's own."""
        return self.base_url or OPENAI_URL


class Memory(_Section):
    """What is remembered of a chat."""

    turns: int = Field(default=20, ge=0, le=1000)
    ttl_s: int = Field(default=2_592_000, ge=1)


class Telegram(_Section):
    """The bot, and the application that it is signed in as; without a token there is no gateway."""

    api_id: int | None = Field(default=None, ge=1)
    api_hash: SecretStr | None = None
    bot_token: SecretStr | None = None
    dc_address: str | None = None
    dc_public_key: Path | None = None
    groups: Literal["addressed", "all"] = "addressed"
    edits: Literal["waiting", "ignore"] = "waiting"
    album_ms: int = Field(default=1_000, ge=0, le=60_000)
    buffer: int = Field(default=1_000, ge=1)
    preview_ms: int = Field(default=1_500, ge=0)
    group_preview_ms: int = Field(default=3_000, ge=0)
    per_chat_ms: int = Field(default=1_000, ge=0)
    per_group_per_minute: int = Field(default=20, ge=1)
    per_second: int = Field(default=30, ge=1)

    @field_validator("bot_token")
    @classmethod
    def _is_a_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[1-9][0-9]{0,18}:[\w-]+", value.get_secret_value()):
            raise ValueError("should be as BotFather gives it: a number, a colon, and letters and digits")
        return value

    @field_validator("dc_address")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r".+:[0-9]{1,5}", value):
            raise ValueError("should be host:port")
        return value

    @field_validator("dc_public_key")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def dc_host_port(self) -> tuple[str, int] | None:
        """Where the test data centre is; None: Telegram's own are meant."""
        if self.dc_address is None:
            return None
        host, _, port = self.dc_address.rpartition(":")
        return host.strip("[]"), int(port)


class Access(_Section):
    """Who may talk to the bot, by the numbers that Telegram gives to users and groups; empty: everybody."""

    users: tuple[int, ...] = ()
    admins: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()

    @field_validator("users", "admins", "groups", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        """Take a number alone, and numbers with commas between, as they are written in a variable."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return (value,) if isinstance(value, int) else value


class Schedule(_Section):
    """How often the scheduler sends the maintenance messages."""

    sweep_s: float = Field(default=10, gt=0)
    prune_s: float = Field(default=60, gt=0)


class Web(_Section):
    """The dashboard: where it listens, and who may look and act. Without an operator's token it makes one in `home`."""

    enabled: bool = True
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65_535)
    operator_token: SecretStr | None = None
    viewer_token: SecretStr | None = None
    show_texts: bool = False

    @field_validator("operator_token", "viewer_token")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]{16,256}", value.get_secret_value()):
            raise ValueError("should have 16 to 256 letters, digits and signs, without spaces")
        return value

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.operator_token is not None and self.operator_token == self.viewer_token:
            raise ValueError("operator_token and viewer_token should differ")
        return self


class Settings(BaseSettings):
    """All settings, checked and immutable. `load_settings` makes the ones of this machine."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    home: Path = Path("~/.okos")
    redis_url: str | None = Field(default=None, repr=False)
    namespace: Name = "okos"
    handlers: PackageName = "actors"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"

    concurrency: int = Field(default=16, ge=1, le=10_000)
    worker_processes: int = Field(default=2, ge=1, le=256)
    lease_ms: int = Field(default=15_000, ge=500)
    shutdown_grace_ms: int = Field(default=25_000, ge=0)
    time_limit_ms: int = Field(default=600_000, ge=1)

    max_jobs_per_user: int = Field(default=1, ge=1)
    jobs_per_second: float | None = Field(default=None, gt=0)
    burst: int | None = Field(default=None, ge=1)
    max_backlog: int = Field(default=100, ge=1)

    retry_attempts: int = Field(default=3, ge=0)
    min_backoff_ms: int = Field(default=1_000, ge=0)
    max_backoff_ms: int = Field(default=60_000, ge=0)
    max_stalls: int = Field(default=2, ge=1)

    remove_on_complete: DoneHistory = DoneHistory()
    remove_on_fail: DeadHistory = DeadHistory()
    kinds: Mapping[Name, Kind] = Field(default_factory=dict)
    model: Model = Model()
    memory: Memory = Memory()
    schedule: Schedule = Schedule()
    telegram: Telegram = Telegram()
    access: Access = Access()
    web: Web = Web()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings' own
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments alone: `load_settings` merges the sources, to say where a value is from."""
        return (init_settings,)

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("should begin with redis://, rediss:// or unix://")
        return value

    @field_validator("kinds", mode="before")
    @classmethod
    def _over_the_default_kinds(cls, value: object) -> object:
        return _merged(_KINDS, value) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.concurrency < self.worker_processes:
            raise ValueError(
                f"concurrency ({self.concurrency}) should be at least worker_processes"
                f" ({self.worker_processes}): each worker process needs a slot"
            )
        if self.max_backoff_ms < self.min_backoff_ms:
            raise ValueError(
                f"max_backoff_ms ({self.max_backoff_ms}) should be at least min_backoff_ms ({self.min_backoff_ms})"
            )
        return self

    @property
    def threads(self) -> tuple[int, ...]:
        """The slots of each worker process: `concurrency` dealt out as evenly as it goes."""
        each, left = divmod(self.concurrency, self.worker_processes)
        return tuple(each + (index < left) for index in range(self.worker_processes))

    def kind(self, name: str) -> Kind:
        """What a message of this kind counts for; a kind that nobody configured counts for one."""
        return self.kinds.get(name, Kind())


class _Environment(EnvSettingsSource):
    """The variables, a list among them as JSON or as it is written by hand: 7, or 7,8."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # Any: pydantic-settings' own
        if field.annotation == tuple[int, ...] and not value.lstrip().startswith("["):
            return value
        return super().decode_complex_value(field_name, field, value)


def load_settings(**given: Any) -> Settings:  # Any: each value is checked against its field
    """Gather the settings of this machine.

    Args:
        **given: Values that win over everything else, as a command's options do; None means not given.

    Raises:
        SettingsError: A value is wrong, a name is unknown, or the configuration file cannot be read.
    """
    config = find_config()
    file = {} if config is None else _read_config(config)
    fallback = {field: os.environ[name] for name, field in _FALLBACKS.items() if os.environ.get(name)}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        environment = _Environment(Settings)()
    except UnreadableVariable as error:
        _, section, _ = f'{error}"section"'.split('"', maxsplit=2)
        raise SettingsError(
            f"the environment variable {PREFIX}{section.upper()} should hold JSON and does not; "
            f"or set one of its values: {PREFIX}{section.upper()}__…"
        ) from error
    try:
        return Settings(**_merged({"model": fallback} if fallback else {}, file, environment, given))
    except ValidationError as error:
        raise SettingsError(_explain(error.errors(), config, file, given)) from error


def find_config() -> Path | None:
    """The configuration file: what `OKOS_CONFIG` names (or holds, if a directory), else ./config/okos.toml.

    Returns:
        None if there is none; the defaults hold.

    Raises:
        SettingsError: `OKOS_CONFIG` names nothing that exists.
    """
    if named := os.environ.get(CONFIG_VARIABLE):
        path = Path(named).expanduser()
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
        if not name.upper().startswith(PREFIX) and name not in _FALLBACKS
    }
    environment[CONFIG_VARIABLE] = os.devnull
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None:
            environment[f"{PREFIX}{name.upper()}"] = (
                str(value) if isinstance(value, str | int | float | Path) else json.dumps(_plain(value))
            )
    return environment


def unknown_variables() -> list[str]:
    """Variables of the environment that look like a setting and are none: most often a slip of the pen."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper().partition("__")[0] not in known
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say the known name that a mistyped one is nearest to, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration file {path} is not TOML: {error}") from error


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay mappings over one another, the last on top, section by section."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = merged.get(name)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[name] = _merged(below, value)
            else:
                merged[name] = value
    return merged


def _plain(value: object) -> object:
    """What JSON can hold, with the secrets in clear: for a child's environment, never for a log."""
    if isinstance(value, BaseModel):
        return {name: _plain(part) for name in type(value).model_fields if (part := getattr(value, name)) is not None}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Path):
        return str(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _explain(errors: list[ErrorDetails], config: Path | None, file: Mapping[str, Any], given: Mapping[str, Any]) -> str:
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


def _origin(path: list[str], config: Path | None, file: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Where the value at this path came from, as it reads in a sentence."""
    if path and path[0] in given:
        return ", as given"
    variables = {name.upper(): name for name in os.environ}
    for depth in range(len(path), 0, -1):
        name = PREFIX + "__".join(path[:depth]).upper()
        if os.environ.get(variables.get(name, "")):
            return f", from the environment variable {variables[name]}"
    value: object = file
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            break
        value = value[part]
    else:
        return f", in {config}" if path else ""
    fallback = [name for name, field in _FALLBACKS.items() if path == ["model", field]]
    return f", from the environment variable {fallback[0]}" if fallback else ""


def _names_beside(path: list[str]) -> list[str]:
    """The settings that the section of this path does have."""
    section: type[BaseModel] = Settings
    for part in path[:-1]:
        field = section.model_fields.get(part)
        annotation = Kind if field is None else field.annotation
        section = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else Kind
    return list(section.model_fields)

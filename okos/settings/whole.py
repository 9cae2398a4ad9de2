"""All sections together, and what stands in none: the engine's own settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from okos.settings.engine import KINDS, DeadHistory, DoneHistory, Kind, Schedule
from okos.settings.model import Memory, Model
from okos.settings.redis_url import check_redis_url
from okos.settings.section import DAY_S, Name, PackageName, absolute, merged
from okos.settings.telegram import Access, Telegram
from okos.settings.telemetry import Sentry, Tracing
from okos.settings.web import Web

PREFIX = "OKOS_"


Level = Literal["debug", "info", "warning", "error"]


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
    log_level: Level = "info"
    log_format: Literal["auto", "console", "json"] = "auto"

    concurrency: int = Field(default=16, ge=1, le=10_000)
    worker_processes: int = Field(default=2, ge=1, le=256)
    lease_ms: int = Field(default=15_000, ge=500, le=3_600_000)
    shutdown_grace_ms: int = Field(default=25_000, ge=0, le=DAY_S * 1000)
    time_limit_ms: int = Field(default=600_000, ge=1, le=7 * DAY_S * 1000)

    max_jobs_per_user: int = Field(default=1, ge=1, le=1_000)
    jobs_per_second: float | None = Field(default=None, ge=1e-6, le=1e6)
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    max_backlog: int = Field(default=100, ge=1, le=1_000_000)

    retry_attempts: int = Field(default=3, ge=0, le=1_000_000)
    min_backoff_ms: int = Field(default=1_000, ge=0, le=7 * DAY_S * 1000)
    max_backoff_ms: int = Field(default=60_000, ge=0, le=7 * DAY_S * 1000)
    max_stalls: int = Field(default=2, ge=1, le=1_000)

    remove_on_complete: DoneHistory = DoneHistory()
    remove_on_fail: DeadHistory = DeadHistory()
    log_levels: Mapping[str, Level] = Field(default_factory=dict)
    kinds: Mapping[Name, Kind] = Field(default_factory=dict)
    model: Model = Model()
    memory: Memory = Memory()
    schedule: Schedule = Schedule()
    telegram: Telegram = Telegram()
    access: Access = Access()
    web: Web = Web()
    tracing: Tracing = Tracing()
    sentry: Sentry = Sentry()

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
        return absolute(value)

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        if value is not None:
            check_redis_url(value)
        return value

    @field_validator("kinds", mode="before")
    @classmethod
    def _over_the_default_kinds(cls, value: object) -> object:
        return merged(KINDS, value) if isinstance(value, Mapping) else value

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

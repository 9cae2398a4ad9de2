"""The sections of Telegram: the bot, and who may talk to it."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from okos.settings.section import Section, Several, absolute


class Telegram(Section):
    """The bot, and the application that it is signed in as; without a token there is no gateway."""

    api_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    api_hash: SecretStr | None = None
    bot_token: SecretStr | None = None
    dc_address: str | None = None
    dc_public_key: Path | None = None
    groups: Literal["addressed", "all"] = "addressed"
    edits: Literal["waiting", "ignore"] = "waiting"
    album_ms: int = Field(default=1_000, ge=0, le=60_000)
    buffer: int = Field(default=1_000, ge=1, le=1_000_000)
    preview_ms: int = Field(default=1_500, ge=0, le=3_600_000)
    group_preview_ms: int = Field(default=3_000, ge=0, le=3_600_000)
    per_chat_ms: int = Field(default=1_000, ge=0, le=3_600_000)
    per_group_per_minute: int = Field(default=20, ge=1, le=10_000)
    per_second: int = Field(default=30, ge=1, le=10_000)

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
        return None if value is None else absolute(value)

    @property
    def dc_host_port(self) -> tuple[str, int] | None:
        """Where the test data centre is; None: Telegram's own are meant."""
        if self.dc_address is None:
            return None
        host, _, port = self.dc_address.rpartition(":")
        return host.strip("[]"), int(port)


class Access(Section):
    """Who may talk to the bot, by the numbers that Telegram gives to users and groups; empty: everybody."""

    users: Annotated[tuple[int, ...], Several] = ()
    admins: Annotated[tuple[int, ...], Several] = ()
    groups: Annotated[tuple[int, ...], Several] = ()

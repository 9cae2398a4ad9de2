"""Who the bot is, and the application that it is signed in as. Knows no library: `okos up` looks at it, too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okos.errors import OkosError

if TYPE_CHECKING:
    from okos.settings import Settings


class Unconfigured(OkosError):
    """There is no bot to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who the bot is and what it is signed in as."""

    token: str
    api_id: int
    api_hash: str

    @classmethod
    def of(cls, settings: Settings) -> Credentials:
        """Take them from the settings; raises `Unconfigured`, saying which is missing."""
        telegram = settings.telegram
        missing = [
            f"OKOS_TELEGRAM__{name}"
            for name, value in (
                ("BOT_TOKEN", telegram.bot_token),
                ("API_ID", telegram.api_id),
                ("API_HASH", telegram.api_hash),
            )
            if value is None
        ]
        if telegram.bot_token is None or telegram.api_id is None or telegram.api_hash is None:
            raise Unconfigured(f"no bot to be: set {', '.join(missing)}; docs/telegram.md tells where they come from")
        return cls(
            token=telegram.bot_token.get_secret_value(),
            api_id=telegram.api_id,
            api_hash=telegram.api_hash.get_secret_value(),
        )

    @property
    def bot_id(self) -> int:
        """The bot's number."""
        return int(self.token.partition(":")[0])

    def fingerprint(self, session: str | None) -> str:
        """Name what is asked of Telegram, without telling it."""
        return hashlib.sha256(
            "\n".join((self.token, str(self.api_id), self.api_hash, session or "")).encode()
        ).hexdigest()

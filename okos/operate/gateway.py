"""The gateway, as it shows in the store: who holds its lease, and what it says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from okos.mailbox import MailboxBroker
    from okos.settings import Settings

#: Where Telegram's replies wait until a gateway delivers them.
OUTBOX = "outbox.telegram"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySeen:
    """The gateway of a bot.

    Attributes:
        holder: The process that is it, as host/pid/…; None if none is.
        state: What it said of itself within the last seconds (pid, since_s, bot, online, buffered, full, held_chats,
            held_ms); empty if it said nothing.
    """

    bot_id: int
    holder: str | None
    state: Mapping[str, Any]  # Any: JSON

    @property
    def online(self) -> bool:
        """Whether it is there and connected to Telegram."""
        return self.holder is not None and bool(self.state.get("online"))


def read_gateway(broker: MailboxBroker, settings: Settings) -> GatewaySeen | None:
    """Look at the gateway; None if no bot is configured."""
    token = settings.telegram.bot_token
    if token is None:
        return None
    bot_id = int(token.get_secret_value().partition(":")[0])
    try:
        state = json.loads(broker.read(f"telegram:{bot_id}:state") or b"null")
    except ValueError:
        state = None  # somebody wrote it by hand
    return GatewaySeen(
        bot_id=bot_id,
        holder=broker.lease_holder(f"telegram:{bot_id}"),
        state=state if isinstance(state, dict) else {},
    )

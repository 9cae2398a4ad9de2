"""Where an answer goes: the part of an envelope that only the gateway reads.

It holds the access hash, so that whoever sends needs to look nothing up, and the message that is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from okos.envelope import BadEnvelope
from okos.telegram.library import T

if TYPE_CHECKING:
    from collections.abc import Mapping

PeerKind = Literal["user", "chat", "channel"]

# The Bot API's way to tell three kinds of ids apart by their sign and size; what people know them by.
_CHANNEL_BASE = -1_000_000_000_000


def chat_id(kind: PeerKind, peer_id: int) -> int:
    """Name a chat as the Bot API does: a user's own id, a basic group's negative, a channel's below -10^12."""
    return {"user": peer_id, "chat": -peer_id, "channel": _CHANNEL_BASE - peer_id}[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A chat as Telegram wants it named, and a place in it.

    Attributes:
        kind: A private chat, a basic group, or a supergroup or channel.
        id: The bare number, positive for all three.
        access_hash: The right to name it; 0 where none is needed.
        message: The message that is answered.
        topic: The topic of a forum; None outside of one and in its general topic.
        quotes: Whether the answer is shown as a reply to the message: in groups, where others write between.
    """

    kind: PeerKind
    id: int
    access_hash: int = 0
    message: int
    topic: int | None = None
    quotes: bool = False

    @property
    def chat(self) -> str:
        """The chat's name in envelopes."""
        return str(chat_id(self.kind, self.id))

    @property
    def is_group(self) -> bool:
        """Whether several people write there."""
        return self.kind != "user"

    @property
    def input_peer(self) -> Any:  # Any: generated
        """The peer as Telegram's calls take it."""
        match self.kind:
            case "user":
                return T.InputPeerUser(user_id=self.id, access_hash=self.access_hash)
            case "chat":
                return T.InputPeerChat(chat_id=self.id)
            case "channel":
                return T.InputPeerChannel(channel_id=self.id, access_hash=self.access_hash)

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def decode(cls, raw: Mapping[str, object] | None) -> Address:
        """Read the JSON-able form back; raises `BadEnvelope`."""
        fields = raw or {}
        kind, topic = fields.get("kind"), fields.get("topic")
        if kind != "user" and kind != "chat" and kind != "channel":  # noqa: PLR1714 - mypy narrows this
            raise BadEnvelope(f"the address {raw!r} names no chat of Telegram")
        numbers = {name: fields.get(name, 0) for name in ("id", "access_hash", "message")}
        if not all(isinstance(number, int) for number in numbers.values()) or not isinstance(topic, int | None):
            raise BadEnvelope(f"the address {raw!r} holds something else than numbers")
        return cls(
            kind=kind,
            topic=topic,
            quotes=fields.get("quotes") is True,
            **cast("dict[str, int]", numbers),
        )

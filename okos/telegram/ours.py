"""Which messages in groups are the bot's own: an answer to one is for the bot.

What it said lately is remembered. Of an older one Telegram is asked, once: after a restart people go on answering.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from okos.telegram.library import F, Refused, T
from okos.telegram.store import COMMON

if TYPE_CHECKING:
    from okos.telegram.client import Client
    from okos.telegram.reading import Incoming

_KNOWN = 10_000
#: What comes behind waits for this answer.
_ANSWER_S = 3.0


class Ours:
    """Used on the event loop by one consumer.

    Args:
        client: Whom to ask.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[tuple[int, int], bool] = OrderedDict()

    def note(self, message: Any) -> None:  # Any: generated
        """Remember whose a message in a group is."""
        box = int(getattr(message.peer_id, "channel_id", None) or COMMON)
        self._note(box, message.id, is_ours=bool(message.out))

    async def answers_us(self, incoming: Incoming, access_hash: int | None) -> bool:
        """Tell whether a message in a group answers one of the bot's. When Telegram cannot say, it does not."""
        if incoming.replies_to is None:
            return False
        is_channel = incoming.place == "channel"
        box = incoming.place_id if is_channel else COMMON
        known = self._known.get((box, incoming.replies_to))
        if known is not None:
            return known
        ids = [T.InputMessageID(id=incoming.replies_to)]
        channel = T.InputChannel(channel_id=incoming.place_id, access_hash=access_hash or 0)
        query = F.channels.GetMessages(channel=channel, id=ids) if is_channel else F.messages.GetMessages(id=ids)
        try:
            found = await self._client.call(query, timeout_s=_ANSWER_S)
        except (Refused, OSError):
            return False
        is_ours = any(isinstance(one, T.Message) and one.out for one in found.messages)
        self._note(box, incoming.replies_to, is_ours=is_ours)
        return is_ours

    def _note(self, box: int, message_id: int, *, is_ours: bool) -> None:
        self._known[box, message_id] = is_ours
        self._known.move_to_end((box, message_id))
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

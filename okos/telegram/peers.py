"""Who can be answered: the access hashes that Telegram gives with users and channels.

Telegram gives some only with the difference, and none with some messages; so those of users are kept in the store, for
as long as they may write again. A channel's goes with how far its box is known.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from okos.telegram.library import T
from okos.telegram.reading import peer_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from okos.telegram.publisher import Publisher
    from okos.telegram.store import GatewayStore

_KNOWN = 50_000


class Peers:
    """Used on the event loop by one consumer.

    Args:
        store: The gateway's.
        publisher: The way into it.
    """

    def __init__(self, store: GatewayStore, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher
        self._users: OrderedDict[int, int] = OrderedDict()
        self._channels: dict[int, int] = {}
        self._joined_s: dict[int, int] = {}
        self._new: dict[int, int] = {}

    def learn(self, users: Iterable[Any], chats: Iterable[Any]) -> None:  # Any: generated
        """Remember whom a bundle of updates brought; what is marked `min` is good for nothing."""
        for user in users:
            if isinstance(user, T.User) and user.access_hash is not None and not user.min:
                self._learn_user(user.id, user.access_hash)
        for chat in chats:
            if isinstance(chat, T.Channel) and chat.access_hash is not None and not chat.min:
                self._channels[chat.id] = chat.access_hash
                self._joined_s[chat.id] = chat.date

    def learn_channel(self, channel_id: int, access_hash: int) -> None:
        """Remember what was kept with a channel's box."""
        if access_hash:
            self._channels[channel_id] = access_hash

    def channel(self, channel_id: int) -> int | None:
        """Tell a channel's access hash; None if it is not known."""
        return self._channels.get(channel_id)

    def joined_s(self, channel_id: int) -> int:
        """Tell when we came into a channel; 0 if Telegram has not said so."""
        return self._joined_s.get(channel_id, 0)

    async def hash_of(self, message: Any) -> int | None:  # Any: generated
        """Tell the right to answer in a message's chat; None if it is not known."""
        peer = getattr(message, "peer_id", None)
        if peer is None:
            return None
        await self.keep()
        kind, number = peer_of(peer)
        if kind == "chat":
            return 0
        if kind == "channel":
            return self._channels.get(number)
        if number not in self._users:
            found = await self._publisher.ask(self._store.read_peer, number)
            if found is None:
                return None
            self._users[number] = found
        return self._users[number]

    async def keep(self) -> None:
        """Write down who is new."""
        new, self._new = self._new, {}
        if new:
            await self._publisher.ask(self._store.write_peers, new)

    def _learn_user(self, user_id: int, access_hash: int) -> None:
        if self._users.get(user_id) != access_hash:
            self._new[user_id] = access_hash
        self._users[user_id] = access_hash
        self._users.move_to_end(user_id)
        if len(self._users) > _KNOWN:
            self._users.popitem(last=False)

"""Catching up in a channel, supergroup or channel, each of which counts by itself.

    its place   its access hash   what came                        then
    known       known             the next change                  is done (`intake.py`), nothing is asked
    known       known             anything else                    the difference from there
    known       not known         a message to answer              likewise: it names the channel in full
    not known   known or not      anything, of any place in it     looked back on: the difference from so far before it
                                                                   that it reaches what is too old to be answered
    not known   known or not      that much came, not how much     Telegram is asked for the place, then looked back
    any         refused           anything                         a hole: forgotten, and begins with what is in hand

Of what is looked back on nothing is taken that is from before we came into the channel, from before all that happened
in channels was known (the last difference, the first start ever), or older than a day; what is in hand and all behind
it is. Where the access hash is not known (a `min` channel's is good for nothing) Telegram takes 0 from a bot that is
in the channel, as its own bot server does. The place of a new channel is noted only with the last part of what is
looked back on: who is ended before that looks back again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from okos.telegram.library import F, Refused, T
from okos.telegram.store import COMMON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from okos.telegram.difference import Difference
    from okos.telegram.peers import Peers
    from okos.telegram.publisher import Publisher

#: Bots may ask for so many and more; what is longer than was asked for may be told as too long.
_PART = 1_000
#: So many changes of a new channel are looked back on, one after the other, until they reach far enough.
_LOOK_BACK = (100, 1_000, 10_000)
#: Of a channel's last messages after a hole, and of a new one's, those that are not older are taken.
_FRESH_S = 86_400

_log = structlog.get_logger()

# Any, in this module: generated.


class ChannelDifference:
    """How to come to where Telegram is in a channel's box.

    Args:
        difference: That of the common box, which notes how far each is.
        peers: Who can be answered.
        publisher: The way into the store.
        now_s: The time of day, in seconds since 1970.
    """

    def __init__(
        self, difference: Difference, *, peers: Peers, publisher: Publisher, now_s: Callable[[], float] = time.time
    ) -> None:
        self._difference = difference
        self._peers = peers
        self._publisher = publisher
        self._now_s = now_s

    async def ask(self, channel_id: int, seen_pts: int | None = None, seen_id: int | None = None) -> bool:
        """Catch up in a channel's box.

        Args:
            channel_id: Whose.
            seen_pts: A place in the box that Telegram has named.
            seen_id: The first message in hand: it and all behind it are taken, whatever their age.

        Returns:
            Whether all was told: if not, what is in hand is all there is.
        """
        if channel_id == COMMON:
            # No channel has this number: what names one so must not move the place of all others' messages.
            return True
        known = self._difference.known.get(channel_id)
        pts, found = (
            await self._looked_back(channel_id, seen_pts)
            if known is None
            else (known, await self._since(channel_id, known, limit=_PART))
        )
        whole = True
        while not isinstance(found, Refused):
            if isinstance(found, T.updates.ChannelDifferenceTooLong):
                self._difference.say_hole(channel_id, pts, reason="too long ago")
                whole = False
            pts = await self._take(channel_id, found, seen_id=seen_id, is_new=known is None) or pts
            is_last = bool(found.final) or isinstance(found, T.updates.ChannelDifferenceEmpty)
            if is_last or known is not None:
                self._difference.reach(channel_id, pts)
            await self._publisher.flush()
            if is_last:
                return whole
            found = await self._since(channel_id, pts, limit=_PART)
        if seen_pts is None:
            _log.warning("channel lost", channel=channel_id, reason=found.name)
        else:
            self._difference.say_hole(channel_id, pts, reason=found.name)
        self._difference.known.pop(channel_id, None)
        self._publisher.reach(channel_id, 0, 0)
        await self._publisher.flush()
        return False

    async def _looked_back(self, channel_id: int, seen_pts: int | None) -> tuple[int, Any]:
        """Choose where to begin in a channel whose place is not known; gives also what Telegram tells from there."""
        if seen_pts is None:
            full = await self._difference.call(F.channels.GetFullChannel(channel=self._named(channel_id)))
            if isinstance(full, Refused):
                return 0, full
            self._peers.learn(full.users, full.chats)
            seen_pts = full.full_chat.pts
        for back in _LOOK_BACK:
            pts = max(1, seen_pts - back)
            # Twice as much: it may be further by now.
            found = await self._since(channel_id, pts, limit=2 * back)
            if pts == 1 or not isinstance(found, T.updates.ChannelDifference):
                return pts, found
            self._peers.learn(found.users, found.chats)
            since_s = self._since_s(channel_id, is_new=True)
            if any(one.date < since_s for one in found.new_messages if hasattr(one, "date")):
                return pts, found
        self._difference.say_hole(channel_id, pts, reason="more came than is looked back on")
        return pts, found

    async def _take(self, channel_id: int, found: Any, *, seen_id: int | None, is_new: bool) -> int | None:
        """Sort what a part of the difference holds; tells how far it leads."""
        if isinstance(found, T.updates.ChannelDifferenceEmpty):
            return int(found.pts)
        self._peers.learn(found.users, found.chats)
        taken = _Taken(since_s=self._since_s(channel_id, is_new=is_new), since_id=seen_id)
        if isinstance(found, T.updates.ChannelDifferenceTooLong):
            await self._sort(filter(taken.has, found.messages), [])
            return found.dialog.pts or None
        messages, updates = found.new_messages, found.other_updates
        if is_new:
            messages = filter(taken.has, messages)
            updates = [one for one in updates if taken.has(getattr(one, "message", None))]
        await self._sort(messages, updates)
        return int(found.pts)

    async def _sort(self, messages: Iterable[Any], updates: Iterable[Any]) -> None:
        # What counts in another box than the common one counts in this one.
        for update in await self._difference.sort_all(messages, updates):
            await self._difference.sort(update, sure=True)

    def _since_s(self, channel_id: int, *, is_new: bool) -> float:
        """Tell how old may be what is taken of a new channel, or after a hole."""
        day_s = self._now_s() - _FRESH_S
        return max(day_s, self._difference.date_s, self._peers.joined_s(channel_id)) if is_new else day_s

    async def _since(self, channel_id: int, pts: int, *, limit: int) -> Any:
        query = F.updates.GetChannelDifference(
            channel=self._named(channel_id), filter=T.ChannelMessagesFilterEmpty(), pts=pts, limit=limit
        )
        return await self._difference.call(query)

    def _named(self, channel_id: int) -> Any:
        return T.InputChannel(channel_id=channel_id, access_hash=self._peers.channel(channel_id) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """Which are taken of messages that may be old.

    Attributes:
        since_s: Those from then on.
        since_id: And those from this one on, however old; None: no others.
    """

    since_s: float
    since_id: int | None

    def has(self, message: Any) -> bool:
        """Tell whether a message is one of them; what is no message (a deletion) is."""
        if self.since_id is not None and getattr(message, "id", 0) >= self.since_id:
            return True
        return message is None or getattr(message, "date", 0) >= self.since_s

"""Catching up: what Telegram tells beyond where we are, asked for until there is no more; channels are in `channel.py`.

Each part is published together with how far it leads. Telegram keeps changes for some days; what it has dropped by
then is a hole, and said to be one. Whoever asks with something in hand is told of the hole and does what it has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from okos.errors import OkosError
from okos.telegram.library import F, Refused, T
from okos.telegram.sorting import UnknownSender
from okos.telegram.store import COMMON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from okos.telegram.client import Client
    from okos.telegram.peers import Peers
    from okos.telegram.publisher import Publisher
    from okos.telegram.sorting import Sorting

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_CALL_S = 15.0
#: We are no longer in the channel.
_GONE = ("CHANNEL_PRIVATE", "CHANNEL_INVALID", "CHANNEL_PUBLIC_GROUP_NA", "USER_BANNED_IN_CHANNEL", "CHAT_FORBIDDEN")

_log = structlog.get_logger()

# Any, in this module: generated.


class Difference:
    """Where we are in each box, and how to come to where Telegram is.

    Args:
        client: Whom to ask.
        peers: Who can be answered.
        sorting: What becomes of a message.
        publisher: The way into the store.
        other: Takes an update that counts in another box.

    Attributes:
        known: How far each box is, by what was published or will be with the next flush.
        date_s: Up to when all channels in which something happened are known, by Telegram's clock.
    """

    def __init__(
        self,
        client: Client,
        *,
        peers: Peers,
        sorting: Sorting,
        publisher: Publisher,
        other: Callable[[Any], Awaitable[None]],
    ) -> None:
        self.known: dict[int, int] = {}
        self.date_s = 0
        self._client = client
        self._peers = peers
        self._sorting = sorting
        self._publisher = publisher
        self._other = other

    def begin(self, known: Mapping[int, tuple[int, int]], first: tuple[int, int]) -> None:
        """Start from where the last gateway was.

        Args:
            known: By box, how far it is, and the channel's access hash; of the common one the date.
            first: Where the common box was when the session was opened, and when, if this is the first gateway ever.
        """
        _, date_s = known.get(COMMON, first)
        self.date_s = date_s or first[1]
        for box, (pts, access_hash) in known.items():
            if pts:
                self.known[box] = pts
                if box != COMMON:
                    self._peers.learn_channel(box, access_hash)

    def reach(self, box: int, pts: int) -> None:
        """Note how far a box is."""
        self.known[box] = pts
        self._publisher.reach(box, pts, self.date_s if box == COMMON else self._peers.channel(box) or 0)

    async def sort(self, update: Any, *, sure: bool = False) -> None:
        """Do what an update says, if it is about messages.

        Args:
            update: Telegram's.
            sure: It is answered even if its sender is known too little: nobody will tell more.

        Raises:
            UnknownSender: It has to be answered, and its sender is not known.
        """
        try:
            await self._sort(update, sure=sure)
        except (UnknownSender, OkosError):
            raise
        except Exception:  # noqa: BLE001 - whatever Telegram may send
            # What cannot be read must not keep away all that comes after it, now and at each start.
            _log.exception("an update could not be read; it is left out", update=type(update).__name__)

    async def _sort(self, update: Any, *, sure: bool) -> None:
        match update:
            case T.UpdateNewMessage() | T.UpdateNewChannelMessage():
                await self._sort_new(update.message, sure=sure)
            case T.UpdateEditMessage() | T.UpdateEditChannelMessage():
                await self._sorting.edit(update.message, await self._peers.hash_of(update.message))
            case T.UpdateDeleteMessages():
                await self._sorting.delete(update.messages, None)
            case T.UpdateDeleteChannelMessages():
                await self._sorting.delete(update.messages, update.channel_id)
            case _:
                pass

    async def ask(self) -> bool:
        """Catch up in the common box; says whether all was told: if not, what is in hand is all there is."""
        whole = True
        while True:
            pts = self.known[COMMON]
            found = await self.call(F.updates.GetDifference(pts=pts, date=self.date_s, qts=0))
            if isinstance(found, Refused):
                # Our place is none that Telegram knows.
                state = await self.call(F.updates.GetState())
                self.say_hole(COMMON, pts, reason=found.name)
                self.reach(COMMON, getattr(state, "pts", pts))
                whole = False
                break
            if isinstance(found, T.updates.DifferenceEmpty):
                self._be_at(found.date)
                break
            if isinstance(found, T.updates.DifferenceTooLong):
                self.say_hole(COMMON, pts, reason="too long ago")
                self.reach(COMMON, found.pts)
                await self._publisher.flush()
                whole = False
                continue
            self._peers.learn(found.users, found.chats)
            others = await self.sort_all(found.new_messages, found.other_updates)
            state = found.intermediate_state if isinstance(found, T.updates.DifferenceSlice) else found.state
            self.reach(COMMON, state.pts)
            await self._publisher.flush()
            for update in others:
                await self._other(update)
            if isinstance(found, T.updates.Difference):
                # Only now: it names the channels in which something happened since the date.
                self._be_at(state.date)
                break
        await self._publisher.flush()
        return whole

    def _be_at(self, date_s: int) -> None:
        self.date_s = max(self.date_s, date_s)
        self.reach(COMMON, self.known[COMMON])

    async def sort_all(self, messages: Iterable[Any], updates: Iterable[Any]) -> list[Any]:
        """Sort what a difference holds; gives back what counts in other boxes."""
        others: list[Any] = []
        for message in sorted(messages, key=lambda one: one.id):
            await self.sort(T.UpdateNewMessage(message=message, pts=0, pts_count=0), sure=True)
            if self._publisher.is_loaded:
                await self._publisher.flush()
        for update in updates:
            if "Channel" in type(update).__name__:
                others.append(update)
            else:
                await self.sort(update, sure=True)
        return others

    async def _sort_new(self, message: Any, *, sure: bool) -> None:
        access_hash = await self._peers.hash_of(message)
        try:
            await self._sorting.take(message, access_hash)
        except UnknownSender:
            if not sure:
                raise
            # Telegram lets a bot answer whoever wrote to it, even so.
            await self._sorting.take(message, 0)

    async def call(self, query: Any) -> Any:
        """Ask until there is an answer; an error that will not pass is one."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._client.call(query, timeout_s=_CALL_S)
            except Refused as problem:
                if problem.code == 400 or problem.name in _GONE:  # noqa: PLR2004 - as HTTP's
                    return problem
                wait_s = (problem.wait_ms or 0) / 1000
                _log.warning("telegram tells nothing now", reason=str(problem))
            except (OSError, TimeoutError) as problem:
                wait_s = 0.0
                _log.info("telegram does not answer", reason=str(problem))
            await asyncio.sleep(max(wait_s, pause_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def say_hole(self, box: int, pts: int, *, reason: str) -> None:
        """Say in the log that Telegram does not tell all of what came since a place."""
        _log.error("telegram has dropped what came meanwhile; messages may be lost", box=box, since=pts, reason=reason)

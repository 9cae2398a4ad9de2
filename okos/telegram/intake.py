"""Taking in: one consumer, which does what comes in the order of Telegram's own counting.

    in the inbox    already known                 forgotten
                    the next change of its box    sorted (`sorting.py`), then published with its number
                    ahead of what is known        held back for half a second; if what is missing has not come by then,
                                                  the difference is asked for
                    of no box (a button)          sorted
    of a channel that is seen for the first time  that channel's difference is asked for
    a message came without its sender             the difference is asked for
    the line was interrupted, a bundle says only that much has happened, or nothing came for a quarter of an hour:
                                                  the difference is asked for, then that of each channel

What was in hand when the difference was asked for, and is not in it because Telegram had dropped it or told nothing, is
done as it is.

Nothing is noted as known before it is published, so whatever ends this process loses nothing, and what is fetched again
is recognized by its id.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from okos.telegram.channel import ChannelDifference
from okos.telegram.difference import Difference
from okos.telegram.inbox import Mark
from okos.telegram.library import F, Refused, T
from okos.telegram.position import Step, step
from okos.telegram.sorting import UnknownSender
from okos.telegram.store import COMMON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from okos.telegram.client import Client
    from okos.telegram.peers import Peers
    from okos.telegram.publisher import Publisher
    from okos.telegram.sorting import Sorting

#: What is missing is most often only overtaken.
GAP_MS = 500
#: Telegram may forget to tell; it is asked when nothing came for so long.
QUIET_S = 900.0
_AT_ONCE = 64

_log = structlog.get_logger()


class Intake:
    """The consumer of a client's inbox.

    Args:
        client: Whose.
        peers: Who can be answered.
        sorting: What becomes of a message.
        publisher: The way into the store.
        now_ms: A clock that never goes back.
    """

    def __init__(
        self, client: Client, *, peers: Peers, sorting: Sorting, publisher: Publisher, now_ms: Callable[[], int]
    ) -> None:
        self.difference = Difference(client, peers=peers, sorting=sorting, publisher=publisher, other=self._take_one)
        self._channels = ChannelDifference(self.difference, peers=peers, publisher=publisher)
        self._client = client
        self._peers = peers
        self._sorting = sorting
        self._publisher = publisher
        self._now_ms = now_ms
        self._held: dict[int, list[tuple[int, int, Any]]] = {}  # Any: generated
        self._due_ms: dict[int, int] = {}
        #: Channels to be asked for, in this order; one at a time, between what comes.
        self._to_ask: dict[int, None] = {}
        self._answering: set[asyncio.Future[Any]] = set()  # Any: generated

    async def start(self, known: Mapping[int, tuple[int, int]], first: tuple[int, int]) -> None:
        """Go on where the last gateway was, and fetch what came since; the first one ever begins here.

        Args:
            known: As the store keeps it.
            first: Where the common box was when the session was opened, and when.
        """
        self.difference.begin(known, first)
        if COMMON not in self.difference.known:
            self.difference.reach(COMMON, first[0])
            await self._publisher.flush()
        else:
            await self.difference.ask()

    async def run(self) -> None:
        """Take in what comes; never returns.

        Raises:
            LeaseLost: Another gateway has taken over.
        """
        # What came in our absence.
        self._ask_channels()
        while True:
            patience_s = 0.0 if self._to_ask else self._patience_s()
            came = await self._client.inbox.take(most=_AT_ONCE, timeout_s=patience_s)
            if not came and not self._held and not self._to_ask:
                await self._ask_all()
            for one in came:
                await self._take(one)
            await self._fill_gaps()
            if self._to_ask:
                channel_id = next(iter(self._to_ask))
                del self._to_ask[channel_id]
                if channel_id in self.difference.known:
                    await self._channels.ask(channel_id)
            await self._publisher.flush()

    async def _ask_all(self) -> None:
        """Ask for what may have been missed, whichever box it counts in."""
        await self.difference.ask()
        self._ask_channels()

    def _ask_channels(self) -> None:
        self._to_ask |= {channel_id: None for channel_id in self.difference.known if channel_id != COMMON}

    def _patience_s(self) -> float:
        if not self._due_ms:
            return QUIET_S
        return max(0.0, (min(self._due_ms.values()) - self._now_ms()) / 1000)

    async def _take(self, came: Any) -> None:  # Any: generated
        if isinstance(came, T.Updates | T.UpdatesCombined):
            self._peers.learn(came.users, came.chats)
            for update in came.updates:
                await self._take_one(update)
        elif isinstance(came, T.UpdateShort):
            await self._take_one(came.update)
        elif isinstance(came, T.UpdateShortSentMessage | T.UpdateChannelTooLong):
            await self._take_one(came)
        elif isinstance(came, Mark | T.UpdatesTooLong):
            if came is Mark.RECONNECTED:
                _log.info("line to telegram interrupted")
            # What was lost on the line or had no room in the inbox may have been of any box.
            await self._ask_all()
        else:
            # A message without its sender.
            await self.difference.ask()

    async def _take_one(self, update: Any) -> None:  # Any: generated
        if isinstance(update, T.UpdateChannelTooLong):
            # The difference of the common box names each channel in which something happened, known or not.
            if not update.pts or self.difference.known.get(update.channel_id, 0) < update.pts:
                await self._channels.ask(update.channel_id, update.pts)
            return
        pts, count = getattr(update, "pts", None), getattr(update, "pts_count", None)
        if pts is None or count is None:
            self._take_aside(update)
            return
        box = box_of(update)
        if box not in self.difference.known:
            await self._ask_for(box, [(pts, count, update)])
            return
        match self._step(box, pts, count):
            case Step.SEEN:
                return
            case Step.GAP:
                self._held.setdefault(box, []).append((pts, count, update))
                self._due_ms.setdefault(box, self._now_ms() + GAP_MS)
            case Step.NEXT:
                await self._apply(box, pts, count, update)
                await self._apply_held(box)

    async def _apply(self, box: int, pts: int, count: int, update: Any) -> None:  # Any: generated
        """Do what an update says and note that it is done."""
        try:
            await self.difference.sort(update)
        except UnknownSender:
            # The difference comes with more about its sender.
            await self._ask_for(box, [(pts, count, update)])
            return
        self.difference.reach(box, pts)
        if self._publisher.is_loaded:
            await self._publisher.flush()

    async def _apply_held(self, box: int) -> None:
        """Apply what was held back and fits now."""
        held = sorted(self._held.pop(box, []), key=lambda one: one[0])
        due_ms = self._due_ms.pop(box, None)
        while held:
            pts, count, update = held.pop(0)
            match self._step(box, pts, count):
                case Step.NEXT:
                    await self._apply(box, pts, count, update)
                case Step.GAP:
                    self._held[box] = [(pts, count, update), *held]
                    self._due_ms[box] = due_ms or self._now_ms()
                    return
                case Step.SEEN:
                    pass

    async def _fill_gaps(self) -> None:
        """Ask for what has been missing for too long."""
        now_ms = self._now_ms()
        for box in [box for box, due_ms in self._due_ms.items() if due_ms <= now_ms]:
            # One box that is asked for may bring what another one waited for.
            held = self._held.pop(box, [])
            self._due_ms.pop(box, None)
            if not held:
                continue
            await self._ask_for(box, sorted(held, key=lambda one: one[0]))

    async def _ask_for(self, box: int, in_hand: list[tuple[int, int, Any]]) -> None:  # Any: generated
        """Ask for the difference of a box, and do what is in hand and was not in it.

        Args:
            box: Whose.
            in_hand: Updates of the box with where they lead and by how many changes, in their order.
        """
        new = [update.message.id for _, _, update in in_hand if isinstance(update, T.UpdateNewChannelMessage)]
        whole = await (self._channels.ask(box, in_hand[0][0], min(new, default=None)) if box else self.difference.ask())
        for pts, count, update in in_hand:
            place = self._step(box, pts, count)
            if whole and place is Step.SEEN:
                continue
            # Nobody will tell more of it. What is told again, because something before it is missing, is recognized.
            await self.difference.sort(update, sure=True)
            if place is Step.NEXT or not whole:
                self.difference.reach(box, max(pts, self.difference.known.get(box, 0)))
            if self._publisher.is_loaded:
                await self._publisher.flush()

    def _step(self, box: int, pts: int, count: int) -> Step:
        """Place an update; a box that is not known any more (we were thrown out) begins with it."""
        known = self.difference.known.get(box)
        return Step.NEXT if known is None else step(known, pts, count)

    def _take_aside(self, update: Any) -> None:  # Any: generated
        """Take what is counted in no box: a pressed button is let go at once, for nothing of ours has any."""
        if isinstance(update, T.UpdateBotCallbackQuery):
            query = F.messages.SetBotCallbackAnswer(query_id=update.query_id, cache_time=0)
            answering = asyncio.ensure_future(self._client.call(query))
            self._answering.add(answering)
            answering.add_done_callback(self._answered)

    def _answered(self, answering: asyncio.Future[Any]) -> None:  # Any: generated
        self._answering.discard(answering)
        if not answering.cancelled() and isinstance(error := answering.exception(), Refused | OSError):
            _log.debug("button not answered", reason=str(error))


def box_of(update: Any) -> int:  # Any: generated
    """Name the box that an update counts in: a channel's, or the common one."""
    peer = getattr(getattr(update, "message", None), "peer_id", None)
    return int(getattr(peer, "channel_id", None) or getattr(update, "channel_id", None) or COMMON)

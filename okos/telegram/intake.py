"""Taking in: one consumer, which does what comes in the order of Telegram's own counting.

    in the inbox    already known                 forgotten
                    the next change of its box    sorted (`sorting.py`), then published with its number
                    ahead of what is known        held back for half a second; if what is missing has not come by then,
                                                  the difference is asked for
                    of no box (a button)          sorted
    the line was interrupted, a bundle says only that much has happened, or nothing came for a quarter of an hour:
                                                  the difference is asked for

Nothing is noted as known before it is published, so whatever ends this process loses nothing, and what is fetched again
is recognized by its id.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

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
        self._client = client
        self._peers = peers
        self._sorting = sorting
        self._publisher = publisher
        self._now_ms = now_ms
        self._held: dict[int, list[tuple[int, int, Any]]] = {}  # Any: generated
        self._due_ms: dict[int, int] = {}
        self._answering: set[asyncio.Future[Any]] = set()  # Any: generated

    async def start(self, known: Mapping[int, tuple[int, int]], first_pts: int) -> None:
        """Go on where the last gateway was, and fetch what came since; the first one ever begins here.

        Args:
            known: How far each box is known, and the channels' access hashes.
            first_pts: Where the common box was when the session was opened.
        """
        self.difference.begin(known)
        if COMMON not in self.difference.known:
            self.difference.reach(COMMON, first_pts)
            await self._publisher.flush()
        else:
            await self.difference.ask()

    async def run(self) -> None:
        """Take in what comes; never returns.

        Raises:
            LeaseLost: Another gateway has taken over.
        """
        for channel_id in list(self.difference.known):
            if channel_id != COMMON:
                # What came there in our absence; between what comes now.
                self._client.inbox.put(T.UpdateChannelTooLong(channel_id=channel_id))
        while True:
            came = await self._client.inbox.take(most=_AT_ONCE, timeout_s=self._patience_s())
            if not came and not self._held:
                await self.difference.ask()
            for one in came:
                await self._take(one)
            await self._fill_gaps()
            await self._publisher.flush()

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
        else:
            # An interruption, more than Telegram wants to tell, or a message without its sender.
            if came is Mark.RECONNECTED:
                _log.info("line to telegram interrupted")
            await self.difference.ask()

    async def _take_one(self, update: Any) -> None:  # Any: generated
        if isinstance(update, T.UpdateChannelTooLong):
            await self.difference.ask_channel(update.channel_id, update.pts)
            return
        pts, count = getattr(update, "pts", None), getattr(update, "pts_count", None)
        if pts is None or count is None:
            self._take_aside(update)
            return
        box = box_of(update)
        known = self.difference.known.get(box)
        match Step.NEXT if known is None else step(known, pts, count):
            case Step.SEEN:
                return
            case Step.GAP:
                self._held.setdefault(box, []).append((pts, count, update))
                self._due_ms.setdefault(box, self._now_ms() + GAP_MS)
            case Step.NEXT:
                await self._apply(box, pts, update)
                await self._apply_held(box)

    async def _apply(self, box: int, pts: int, update: Any) -> None:  # Any: generated
        """Do what an update says and note that it is done."""
        try:
            await self.difference.sort(update)
        except UnknownSender:
            # The difference comes with more about its sender.
            await (self.difference.ask_channel(box, pts) if box else self.difference.ask())
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
            match step(self.difference.known[box], pts, count):
                case Step.NEXT:
                    await self._apply(box, pts, update)
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
            held = self._held.pop(box)
            self._due_ms.pop(box)
            await (self.difference.ask_channel(box, held[-1][0]) if box else self.difference.ask())
            for pts, count, update in sorted(held, key=lambda one: one[0]):
                if step(self.difference.known[box], pts, count) is Step.NEXT:
                    await self._apply(box, pts, update)

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

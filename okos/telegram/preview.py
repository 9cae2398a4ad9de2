"""Streaming: a message that grows as the model writes, and becomes the answer by a last edit.

Of a preview four things must never happen: that it comes after the answer, that it takes the answer's place, that it
stays half done, and that it stands above what was asked for earlier. So a turn's previews end, the one under way
included, before its reply is said (`finish`); one call is under way for each and none is repeated; that there is one
is in the ledger before it is in the chat; and it opens a message only when all before it is said. What a chat sees of
a turn that ended without a reply (it was cancelled, its gateway died) is swept up.

An edit that is not answered may be done at any time, after the last one, too. So the ledger says that a message is in
doubt before each edit, and that it is not when Telegram has answered; and one that is in doubt does not become the
answer. Whoever says the reply, at whichever attempt and in whichever gateway, goes by the ledger alone:

    the ledger has    which means                      it grows (`_show_once`)       its reply is said (Delivery)
    nothing           there is none                    noted, under a random id      as a message of its own
    a random id       it was sent by it, or was not    sent, then its message noted  by the same id: one, sent or not
    its message       the chat sees it                 doubtful, then edited         by an edit of it
    … and "doubtful"  an edit is under way, or nobody  answered: not doubtful; else  taken away, then forgotten, then
                      knows what became of it          left alone from now on        as a message of its own

A process may be killed behind each step, and the next one does what the table says. It may then edit what is edited
and delete what is gone, which changes nothing, or say again what is said, by the same random id. So a deletion that
was not answered is made again until one is. The last edit leaves no doubt: done late, it says the same. Once `finish`
has returned, nothing of a turn is noted by its previews: behind the settle of the reply that would make a preview of
the answer, to be swept up.

The doubt costs two writes of three hundred bytes for an edit. Telegram lets a bot say thirty things in a second, and
half of them are left to answers: thirty writes in a second at most. Instead a gateway could take all that its
predecessor has shown for doubtful; but then each restart would show the answers under way as new messages.

Where the client has drafts, a private chat is shown one of these: it leaves no message behind. Used on the event loop.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog

from okos.mailbox import StoreUnavailable
from okos.telegram.envelope import OUTBOX
from okos.telegram.ledger import Shown
from okos.telegram.library import Refused
from okos.telegram.markup import Marked, marked
from okos.telegram.sender import DRAFTS, GivenUp, Later
from okos.telegram.split import split
from okos.telegram.verdict import Action, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.mailbox import MailboxBroker
    from okos.settings import Telegram
    from okos.telegram.address import Address
    from okos.telegram.ledger import Ledger
    from okos.telegram.pace import Pace
    from okos.telegram.sender import Sender

#: As many turns are known: those that wait, and those that have ended, whose last previews may still come.
_MOST_KNOWN = 20_000
#: A preview that nothing was heard of for so long is looked at: its turn may be over.
_QUIET_S = 60.0
_SWEEP_S = 5.0
_SOON_S = 0.5
_PAUSE_S = 1.0
#: From this code on an error of Telegram's does not tell whether the call was done, or will be.
_ITS_TROUBLE = 500
#: More than a message holds.
_MOST_CHARS = 6_000
_TAKE_AWAY = Marked("…")

_log = structlog.get_logger()


@dataclass(slots=True)
class _Turn:
    """A turn whose previews are shown, or may be."""

    address: Address
    mailbox: str
    #: What came last, and of which attempt.
    text: str = ""
    attempt: int = -1
    #: What the chat sees, and what the ledger knows of it.
    seen: Marked | None = None
    shown: Shown | None = None
    draft: int = 0
    #: Why nothing more is shown: a call was not answered, and what it does, it may do later; Telegram does not want it;
    #: the turn has ended, or is about to be answered.
    doubtful: bool = False
    refused: bool = False
    over: bool = False
    heard_s: float = 0.0
    showing: asyncio.Task[None] | None = None
    at_it: asyncio.Lock = field(default_factory=asyncio.Lock)


class Previews:
    """The previews of one bot.

    Args:
        sender: Through which they are shown.
        ledger: Where they are noted.
        pace: When there is room for one.
        broker: Where they come from, and where turns are looked up.
        telegram: How often each may be shown.
        on_draft: Told whose answer is shown as a draft.
        now_ms: A clock that never goes back.
    """

    def __init__(
        self,
        sender: Sender,
        ledger: Ledger,
        pace: Pace,
        *,
        broker: MailboxBroker,
        telegram: Telegram,
        on_draft: Callable[[str], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._sender = sender
        self._ledger = ledger
        self._pace = pace
        self._broker = broker
        self._telegram = telegram
        self._on_draft = on_draft
        self._now_ms = now_ms
        self._turns: OrderedDict[str, _Turn] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()
        self._noted: set[str] = set()
        self._drafts = DRAFTS
        self._look = asyncio.Event()
        self._stopped = threading.Event()
        self._parts: list[asyncio.Task[None]] = []
        self._store = ThreadPoolExecutor(1, thread_name_prefix="okos-telegram-ledger")

    # -- beginning and end --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Go on with what an earlier gateway has shown, and listen."""
        loop = asyncio.get_running_loop()
        for envelope_id, shown in (await self._left()).items():
            self._noted.add(envelope_id)
            turn = _Turn(shown.address, shown.mailbox, shown=shown, doubtful=shown.doubtful)
            self._turns.setdefault(envelope_id, turn)
        threading.Thread(target=self._listen, args=(loop,), name="okos-telegram-previews", daemon=True).start()
        self._parts = [loop.create_task(self._sweep())]

    async def _left(self) -> dict[str, Shown]:
        """Find what an earlier gateway has shown: for as long as it takes, for who began without would forget it."""
        while True:
            try:
                found: dict[str, Shown] = await self._stored(self._ledger.all_shown)
            except StoreUnavailable as error:
                _log.info("what was shown before is not known yet", reason=str(error))
                await asyncio.sleep(_PAUSE_S)
            else:
                return found

    async def stop(self) -> None:
        """Show nothing any longer; what is shown stays for the next gateway."""
        self._stopped.set()
        parts = [*self._parts, *(turn.showing for turn in self._turns.values() if turn.showing is not None)]
        for one in parts:
            one.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        self._store.shutdown(wait=False)

    # -- what is said of turns ----------------------------------------------------------------------------------------

    def expect(self, envelope_id: str, address: Address, mailbox: str) -> None:
        """Note where a turn's previews go."""
        if envelope_id not in self._turns and envelope_id not in self._over:
            self._turns[envelope_id] = _Turn(address, mailbox)
            if len(self._turns) > _MOST_KNOWN:
                # Not one of which something is shown: its reply has to wait for what is under way.
                idle = (name for name, turn in self._turns.items() if turn.shown is None and not turn.at_it.locked())
                self._turns.pop(next(idle)).over = True

    def withdraw(self, envelope_id: str) -> None:
        """Show no more of a turn; what is shown is swept up, unless a reply to it is on its way."""
        self._end(envelope_id)
        self._look.set()

    def withdraw_all(self, mailbox: str) -> list[str]:
        """Withdraw the turns of a mailbox; tells which."""
        found = [envelope_id for envelope_id, turn in self._turns.items() if turn.mailbox == mailbox and not turn.over]
        for envelope_id in found:
            self.withdraw(envelope_id)
        return found

    async def finish(self, envelope_id: str) -> None:
        """Show no more of a turn; when this returns, nothing is under way, and the ledger says all there is to know."""
        turn = self._end(envelope_id)
        if turn is not None:
            async with turn.at_it:
                self._turns.pop(envelope_id, None)

    async def take_away(self, shown: Shown) -> None:
        """Delete a preview.

        Raises:
            Later: It may be there still.
            GivenUp: It cannot be done.
        """
        message = shown.message
        if message is None:
            # Nobody knows whether it was sent. Sent again it tells its id; and if it was not, it is there for a moment.
            message = await self._sender.say(shown.address, _TAKE_AWAY, shown.name)
        await self._sender.delete(shown.address, message)

    def is_over(self, envelope_id: str) -> bool:
        """Tell whether the reply of a turn was on its way already, or that there is none."""
        return envelope_id in self._over

    # -- what is heard ------------------------------------------------------------------------------------------------

    def hear(self, payload: bytes) -> None:
        """Take in how far an answer is; of a turn that is over or not known it is left out."""
        try:
            fields = json.loads(payload)
            # A token is a number that grows with each attempt, and random bits.
            attempt = int(fields["token"].partition("-")[0])
            envelope_id, text = str(fields["id"]), str(fields["text"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        turn = self._turns.get(envelope_id)
        if turn is None or turn.over or attempt < turn.attempt or not text.strip():
            return
        turn.attempt, turn.text, turn.heard_s = attempt, text, self._now_ms() / 1000
        if turn.showing is None:
            turn.showing = asyncio.get_running_loop().create_task(self._show(envelope_id, turn))

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopped.is_set():
            try:
                with self._broker.previews(OUTBOX) as payloads:
                    for payload in payloads:
                        if self._stopped.is_set():
                            return
                        if payload is not None:
                            with suppress(RuntimeError):  # the loop has ended
                                loop.call_soon_threadsafe(self.hear, payload)
            except StoreUnavailable:
                self._stopped.wait(_PAUSE_S)

    # -- showing ------------------------------------------------------------------------------------------------------

    async def _show(self, envelope_id: str, turn: _Turn) -> None:
        """Show a turn as it grows, until nothing new comes for an interval."""
        address = turn.address
        every_ms = self._telegram.group_preview_ms if address.is_group else self._telegram.preview_ms
        text = None
        try:
            while every_ms and text != turn.text and not (turn.doubtful or turn.refused or turn.over):
                if not await self._may_open(turn):
                    return
                wait_ms = self._pace.take_spare(address.chat, is_group=address.is_group, now_ms=self._now_ms())
                if not wait_ms:
                    text = turn.text
                    async with turn.at_it:
                        await self._show_once(envelope_id, turn, text)
                await asyncio.sleep((wait_ms or every_ms) / 1000)
        except StoreUnavailable:
            return  # what cannot be noted is not shown
        finally:
            turn.showing = None
            if turn.over and turn.shown is None:
                self._turns.pop(envelope_id, None)

    async def _may_open(self, turn: _Turn) -> bool:
        """Tell whether what is shown next stands below all earlier answers: as it will, once it is an answer.

        The turn runs, so the earlier ones of its mailbox have ended, and what they said was in the outbox then.
        """
        if turn.shown is not None or self._drafts_in(turn.address):
            return True
        return bool(await self._stored(self._is_all_said, turn.address.chat))

    async def _show_once(self, envelope_id: str, turn: _Turn, text: str) -> None:
        """Make one call; whatever it comes to, it is not made again."""
        piece = next(iter(split(marked(text[:_MOST_CHARS]))), None)
        if piece is None or piece == turn.seen or turn.over:
            return
        turn.seen = piece
        try:
            if turn.shown is None and self._drafts_in(turn.address):
                turn.draft = turn.draft or _some_id()
                self._on_draft(envelope_id)
                await self._sender.draft(turn.address, turn.draft, piece)
            elif turn.shown is None:
                await self._begin(envelope_id, turn, piece)
            elif turn.shown.message is not None:
                await self._note(envelope_id, turn, replace(turn.shown, doubtful=True))
                await self._sender.change(turn.address, turn.shown.message, piece)
            else:
                turn.refused = True  # an earlier gateway's: only the answer can tell where it is
        except Refused as problem:
            self._note_refusal(turn, problem)
        except (OSError, TimeoutError) as problem:
            _log.info("preview not answered", message_id=envelope_id, reason=repr(problem))
            turn.doubtful = True
        if turn.shown is not None and turn.shown.doubtful and not turn.doubtful:
            await self._note(envelope_id, turn, replace(turn.shown, doubtful=False))

    async def _begin(self, envelope_id: str, turn: _Turn, piece: Marked) -> None:
        """Say the first preview, after it is noted that there will be one."""
        shown = Shown(address=turn.address, mailbox=turn.mailbox, name=_some_id())
        self._noted.add(envelope_id)
        await self._stored(self._ledger.write_shown, envelope_id, shown, among=frozenset(self._noted))
        turn.shown = shown
        said = await self._sender.send(turn.address, piece, shown.name, quotes=turn.address.quotes)
        await self._note(envelope_id, turn, replace(shown, message=said.id))

    async def _note(self, envelope_id: str, turn: _Turn, shown: Shown) -> None:
        turn.shown = shown
        await self._stored(self._ledger.write_shown, envelope_id, shown)

    def _note_refusal(self, turn: _Turn, problem: Refused) -> None:
        address = turn.address
        verdict = judge(problem, tries=0)
        if problem.code >= _ITS_TROUBLE and turn.shown is not None:
            turn.doubtful = True
        if turn.draft and verdict.action is Action.GIVE_UP:
            # This data centre, or this bot, has none.
            _log.info("no drafts", reason=str(problem))
            self._drafts = False
            turn.draft, turn.seen = 0, None  # shown again, as a message
        elif verdict.action is Action.LATER:
            self._pace.hold(address.chat, is_group=address.is_group, wait_ms=verdict.wait_ms, now_ms=self._now_ms())
        elif verdict.action not in {Action.DELIVERED, Action.PLAIN}:
            _log.info("preview refused", chat=address.chat, reason=str(problem))
            turn.refused = True

    def _end(self, envelope_id: str) -> _Turn | None:
        """Begin nothing more of a turn; it is known as long as something of it is shown, or under way."""
        turn = self._turns.get(envelope_id)
        if turn is not None:
            turn.over = True
            if turn.shown is None and not turn.at_it.locked():
                del self._turns[envelope_id]
        self._over[envelope_id] = None
        if len(self._over) > _MOST_KNOWN:
            self._over.popitem(last=False)
        return turn

    async def _stored(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:  # Any: as the function's
        return await asyncio.get_running_loop().run_in_executor(self._store, lambda: function(*args, **named))

    # -- what a turn without a reply leaves ---------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Take away what is shown of turns that are over."""
        while True:
            quiet_s = self._now_ms() / 1000 - _QUIET_S
            for envelope_id in list(self._noted):
                turn = self._turns.get(envelope_id)
                if turn is None or turn.over or turn.heard_s < quiet_s:
                    with suppress(StoreUnavailable, Later):
                        await self._look_at(envelope_id)
            self._look.clear()
            with suppress(TimeoutError):
                is_due = any(envelope_id in self._over for envelope_id in self._noted)
                async with asyncio.timeout(_SOON_S if is_due else _SWEEP_S):
                    await self._look.wait()

    async def _look_at(self, envelope_id: str) -> None:
        if envelope_id in self._over:
            await self.finish(envelope_id)  # what is under way is in the ledger then
        shown: Shown | None = await self._stored(self._ledger.shown, envelope_id)
        if shown is not None:
            if self._pace.is_held(shown.address.chat, self._now_ms()):
                return  # Telegram wants it left alone, and what is asked meanwhile makes that longer
            if not await self._stored(self._is_over, envelope_id, shown):
                return
            await self.finish(envelope_id)
            # A reply that left its mailbox meanwhile was in the outbox then, or has taken the preview over.
            shown = await self._stored(self._ledger.shown, envelope_id)
        if shown is not None:
            _log.info("preview without an answer taken away", message_id=envelope_id)
            with suppress(GivenUp):  # nor can it be later
                await self.take_away(shown)
            await self._stored(self._ledger.forget_shown, envelope_id)
        self._noted.discard(envelope_id)

    def _is_over(self, envelope_id: str, shown: Shown) -> bool:
        """Tell whether a turn has ended and no reply of its chat is on its way."""
        waiting = self._broker.mailbox(shown.mailbox).messages
        if any(message.id == envelope_id for message in waiting):
            return False
        return self._is_all_said(shown.address.chat)

    def _is_all_said(self, chat: str) -> bool:
        return self._broker.mailbox(f"{OUTBOX}.{chat}", limit=1).length == 0

    def _drafts_in(self, address: Address) -> bool:
        return self._drafts and not address.is_group


def _some_id() -> int:
    return secrets.randbits(63)

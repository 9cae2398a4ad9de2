"""Delivery: the gateway's own worker, which takes replies out of the outbox and says them in their chats.

A reply is settled when it is said, and not before. So whatever breaks in between (the line, the store, this process)
leaves it in the outbox, at the front of its chat, and it is said again: by the same names, which Telegram answers with
what is there already.

    in the outbox ──(a thread takes it)── being said ──(every message of it is there)── settled
         ▲                                   │
         └──── deferred: too fast, no line ──┴── cannot be said there, or fails again and again for a reason that
                                                 nobody foresaw: a dead letter, with the reason
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import dramatiq
import structlog
from dramatiq.middleware import Interrupt

from okos.envelope import BadEnvelope, Reply
from okos.errors import OkosError
from okos.mailbox import Postpone, StoreUnavailable, current_run
from okos.middleware import History, Metrics, Retry, Shutdown, TimeLimit, UserMutex
from okos.outbox import DELIVER
from okos.telegram.activity import Activity
from okos.telegram.address import Address
from okos.telegram.client import monotonic_ms
from okos.telegram.download import QUEUE as DOWNLOAD
from okos.telegram.envelope import OUTBOX
from okos.telegram.ledger import Ledger, Shown
from okos.telegram.pace import Pace
from okos.telegram.preview import Previews
from okos.telegram.sender import GivenUp, Later, Sender, random_id
from okos.telegram.upload import Uploads, pieces_of
from okos.telegram.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dramatiq.middleware import Middleware

    from okos.envelope import Envelope
    from okos.mailbox import MailboxBroker, Run
    from okos.settings import Settings
    from okos.telegram.client import Client
    from okos.telegram.download import Downloads
    from okos.telegram.markup import Marked

R = TypeVar("R")

#: As many calls can be under way at once; Telegram allows thirty messages in a second.
THREADS = 16
ANSWER_S = 5.0
#: A thread of the worker looks so often whether to stop: a restart waits for that.
_LOOK_MS = 100
#: A reply that is to wait longer is tried once a day: the engine puts nothing off for ever.
_LONGEST_WAIT_MS = 86_400_000
#: What nobody foresaw (an address that cannot be written, a fault of the library's) is tried so often, within two
#: minutes: it stands at the head of its chat, and what is behind it waits.
_MOST_RETRIES = 8
#: What a chat that has been tried so often is remembered by.
_MOST_TRIED = 10_000

_log = structlog.get_logger()


def delivery_middleware(settings: Settings) -> list[Middleware]:
    """Order the policies of the gateway's worker: what it has in hand is said in the end, however often it fails."""
    done, dead = settings.remove_on_complete, settings.remove_on_fail
    return [
        # What is said is no turn: it counts for its actor alone.
        Metrics(quiet=(OUTBOX, DOWNLOAD)),
        UserMutex(),
        TimeLimit(time_limit=settings.time_limit_ms),
        Shutdown(grace_ms=settings.shutdown_grace_ms),
        History(
            done_count=done.count,
            done_age_ms=done.age_s * 1000,
            dead_count=dead.count,
            dead_age_ms=dead.age_s * 1000,
        ),
        Retry(max_retries=None, min_backoff=500, max_backoff=30_000),
    ]


class Delivery:
    """Runs the outbox in threads of this process, beside the event loop of the client.

    Args:
        client: Through which is said what is to be said.
        broker: The gateway's, with `delivery_middleware`.
        settings: How fast, and how a preview is shown.
        loop: The client's.
        downloads: The other actor of this worker.
        is_sure: Tells whether this process is still the bot's gateway, for sure.
        answer_s: How long Telegram has to answer a call.
    """

    def __init__(
        self,
        *,
        client: Client,
        broker: MailboxBroker,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        downloads: Downloads,
        is_sure: Callable[[], bool],
        answer_s: float = ANSWER_S,
    ) -> None:
        self._bot_id = client.bot_id
        self._broker = broker
        self._loop = loop
        self._ledger = Ledger(broker, client.bot_id)
        self._pace = pace = Pace(settings.telegram)
        self._sender = Sender(client, pace, now_ms=monotonic_ms, answer_s=answer_s, is_sure=is_sure)
        self._uploads = Uploads(self._sender, self._ledger, broker=broker, bot_id=client.bot_id, on_loop=self._on_loop)
        self._activity = Activity(self._sender, pace, now_ms=monotonic_ms)
        self._previews = Previews(
            self._sender,
            self._ledger,
            pace,
            broker=broker,
            telegram=settings.telegram,
            on_draft=self._activity.end,
            now_ms=monotonic_ms,
        )
        self._tries: dict[str, int] = {}
        dramatiq.actor(
            broker=broker,
            actor_name=DELIVER,
            queue_name=OUTBOX,
            retry_when=_is_tried_again,
            throws=(GivenUp, BadEnvelope),
        )(self._deliver)
        downloads.declare()
        self._worker = dramatiq.Worker(
            broker, queues={OUTBOX, DOWNLOAD}, worker_threads=THREADS, worker_timeout=_LOOK_MS
        )

    # -- on the loop --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to deliver."""
        await self._previews.start()
        await self._loop.run_in_executor(None, self._start)

    async def stop(self, grace_ms: int) -> None:
        """Stop delivering; what is not said stays in the outbox. Never raises."""
        # On this loop it would wait for threads that wait for this loop.
        await self._loop.run_in_executor(None, self._worker.stop, grace_ms)
        await self._activity.stop()
        await self._previews.stop()

    def held(self) -> tuple[int, int]:
        """Tell how many chats Telegram wants left alone now, and how long yet the longest (ms)."""
        return self._pace.held(now_ms=monotonic_ms())

    def accepted(self, envelope: Envelope) -> None:
        """Note that a message is in its mailbox: its turn comes."""
        # Told a moment late, a quick turn may have ended.
        if envelope.address is not None and not self._previews.is_over(envelope.id):
            address = Address.decode(envelope.address)
            self._activity.begin(envelope.id, address)
            self._previews.expect(envelope.id, address, envelope.mailbox)

    def withdrawn(self, envelope_id: str) -> None:
        """Note that a message has no answer to come."""
        self._activity.end(envelope_id)
        self._previews.withdraw(envelope_id)

    def emptied(self, mailbox: str) -> None:
        """Note that nothing of a mailbox has an answer to come."""
        for envelope_id in self._previews.withdraw_all(mailbox):
            self._activity.end(envelope_id)

    # -- on a thread of the worker ------------------------------------------------------------------------------------

    def _start(self) -> None:
        # Dramatiq's own command emits this; the engine's heartbeat hangs on it.
        self._broker.emit_after("process_boot")
        self._worker.start()

    def _deliver(self, body: object) -> None:
        """Say one reply; run by the worker, which settles it then."""
        run = current_run()
        if run is None:
            raise OkosError("a reply is delivered by the gateway's worker only")
        reply = Reply.decode(body)
        try:
            self._say(reply, Address.decode(reply.address), run)
        except Later as reason:
            raise self._postponed(run.message_id, reason) from reason
        except GivenUp as reason:
            _log.warning("reply given up", message_id=run.message_id, chat=reply.chat, reason=str(reason))
            self._ledger.forget_shown(reply.envelope_id)
            if reply.attachment is not None:
                self._broker.delete(reply.attachment.name)
                self._ledger.forget_uploaded(run.message_id)
            raise
        finally:
            self._loop.call_soon_threadsafe(self._ended, reply)
        self._tries.pop(run.message_id, None)

    def _say(self, reply: Reply, address: Address, run: Run) -> None:
        pieces, file = pieces_of(reply), reply.attachment
        shown = self._shown(reply.envelope_id, run, text=bool(pieces), file=file is not None)
        is_long = len(pieces) > 1
        said = self._ledger.said(run.message_id) if is_long else 0
        for number, piece in enumerate(pieces[said:], start=said):
            if number == 0 and file is not None:
                self._uploads.say(reply.kind, file, piece, address=address, record=run.message_id)
            elif number == 0 and shown is not None:
                self._turn_into(shown, piece, run.message_id)
            else:
                self._on_loop(self._sender.say(address, piece, random_id(self._bot_id, run.message_id, number)))
            if is_long:
                self._ledger.write_said(run.message_id, number + 1)
        if is_long:
            self._ledger.forget_said(run.message_id, run)
        if file is not None:
            run.delete(file.name)
            self._ledger.forget_uploaded(run.message_id, run)

    def _shown(self, envelope_id: str, run: Run, *, text: bool, file: bool) -> Shown | None:
        """Find the preview that is to become what a reply says first; one that cannot is taken away."""
        self._on_loop(self._previews.finish(envelope_id))
        shown = self._ledger.shown(envelope_id)
        if shown is None:
            return None
        if not shown.may_become(text=text, file=file):
            try:
                self._on_loop(self._previews.take_away(shown))
            except GivenUp as reason:
                # As with what is too old to be deleted: nothing comes late to it, and it must not go once it is turned.
                _log.warning("preview stays", chat=shown.address.chat, reason=str(reason))
                shown = replace(shown, doubtful=False)
                self._ledger.write_shown(envelope_id, shown)
            else:
                self._ledger.forget_shown(envelope_id)
                return None
        self._ledger.forget_shown(envelope_id, run)
        return shown

    def _turn_into(self, shown: Shown, piece: Marked, record: str) -> None:
        """Let a preview become the answer; one that is gone is no reason to be silent."""
        if shown.message is None:
            self._on_loop(self._sender.say(shown.address, piece, shown.name))
        elif not self._on_loop(self._sender.edit(shown.address, shown.message, piece)):
            self._on_loop(self._sender.say(shown.address, piece, random_id(self._bot_id, record, 0)))

    def _postponed(self, record: str, reason: Later) -> Postpone:
        wait_ms = reason.wait_ms
        if wait_ms is None:
            if len(self._tries) > _MOST_TRIED:
                self._tries.clear()
            tries = self._tries[record] = self._tries.get(record, -1) + 1
            wait_ms = 0 if reason.cause is None else judge(reason.cause, tries=tries).wait_ms
            wait_ms += random.randrange(wait_ms // 4 + 1)
        if reason.cause is not None:
            _log.info("reply postponed", message_id=record, reason=str(reason), wait_ms=wait_ms)
        return Postpone(min(max(wait_ms, 1), _LONGEST_WAIT_MS), str(reason))

    def _ended(self, reply: Reply) -> None:
        if reply.last:
            self._activity.end(reply.envelope_id)

    def _on_loop(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _is_tried_again(retries: int, problem: BaseException) -> bool:
    """Tell whether a reply that could not be said for no reason of Telegram's is tried once more."""
    # The store's outages end, a restart cancels what waits for the loop, and a long upload goes on where it was.
    return isinstance(problem, StoreUnavailable | Interrupt | CancelledError) or retries < _MOST_RETRIES

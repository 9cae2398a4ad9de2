"""The gateway as a whole: what it is made of, in which order it starts, and what ends it.

    lease → session → intake caught up → delivery → intake live          the start
    delivery → client → lease                                            the end, whatever caused it

What ends it: a signal, the end of the process that started it, the lease lost, the session of no more use. It starts
nothing again by itself: whoever started it does (`okos up`), and a refusal of Telegram's is remembered.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from okos.errors import OkosError
from okos.intake import kinds_handled
from okos.mailbox import LeaseLost, MailboxBroker, StoreUnavailable
from okos.middleware.telemetry import report, trace
from okos.server import live_url
from okos.telegram import control
from okos.telegram.client import SessionForgotten, monotonic_ms
from okos.telegram.credentials import Credentials
from okos.telegram.download import Downloads
from okos.telegram.inbox import Inbox
from okos.telegram.intake import Intake
from okos.telegram.lease import Lease, LeaseTaken, owner_name
from okos.telegram.library import F, Refused, T
from okos.telegram.ours import Ours
from okos.telegram.outbox import Delivery, delivery_middleware
from okos.telegram.peers import Peers
from okos.telegram.publisher import Publisher
from okos.telegram.session import Door, NotLetIn, in_words
from okos.telegram.sorting import Sorting
from okos.telegram.store import STATE_TTL_MS, GatewayStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from okos.settings import Settings
    from okos.telegram.client import Client

_STATE_S = 5.0
_STOP_MS = 10_000
_REMEMBER_S = 5.0

_log = structlog.get_logger()


class NoServer(OkosError):
    """There is no server to keep messages in."""


class Gateway:
    """One bot's gateway. Made is not started: `run` does that.

    Args:
        settings: Who the bot is, where Telegram and the server are.
        stands_by: Wait until no other gateway serves the bot, rather than refuse to start.

    Raises:
        NoServer: None is configured, and none runs in OKOS_HOME.
        Unconfigured: The bot's settings are not complete.
    """

    def __init__(self, settings: Settings, *, stands_by: bool = False) -> None:
        self._credentials = Credentials.of(settings)
        url = live_url(settings)
        if url is None:
            raise NoServer(f"no server runs in {settings.home}: start `okos up`, or set OKOS_REDIS_URL")
        self._settings = settings
        self._stands_by = stands_by
        self._broker = MailboxBroker(
            url,
            namespace=settings.namespace,
            lease_ms=settings.lease_ms,
            middleware=delivery_middleware(settings),
            client=True,
        )
        report(self._broker, settings)
        trace(self._broker, settings)
        self._store = GatewayStore(self._broker, self._credentials.bot_id, owner=owner_name())
        self._inbox = Inbox(settings.telegram.buffer)
        self._started_s = int(time.time())
        self._stopped = asyncio.Event()
        self._is_lost = False

    def stop(self) -> None:
        """Ask for the end; on the event loop."""
        self._stopped.set()

    async def sign_in(self) -> str:
        """Sign in anew and keep the session, without serving; returns the bot's name."""
        await asyncio.to_thread(self._broker.require_schema)
        lease = Lease(self._store, now_ms=monotonic_ms)
        publisher = Publisher(self._store)
        try:
            await lease.take(stands_by=False)
            keeping = asyncio.create_task(lease.keep())
            # Telegram may have it wait for longer than a lease lasts.
            signing_in = asyncio.create_task(self._signed_in(publisher))
            try:
                await asyncio.wait({keeping, signing_in}, return_when=asyncio.FIRST_COMPLETED)
                if keeping.done():
                    keeping.result()
                return signing_in.result()
            finally:
                for one in (signing_in, keeping):
                    one.cancel()
                    with suppress(asyncio.CancelledError, OkosError):
                        await one
                await lease.release()
        finally:
            publisher.close()
            self._broker.close()

    async def _signed_in(self, publisher: Publisher) -> str:
        client, _ = await self._door(publisher).open(self._inbox, anew=True)
        await client.close()
        return client.username

    async def run(self) -> None:
        """Serve the bot until something ends it.

        Raises:
            AnotherGateway: Another one serves it, and this one does not stand by.
            AnotherBot: The namespace is that of another bot.
            LeaseTaken: Another one has taken over.
            NotLetIn: Telegram refuses the bot, or does so no longer let it in.
            WrongSchema: Another release has stored what is in the server.
        """
        await asyncio.to_thread(self._broker.require_schema)
        lease = Lease(self._store, now_ms=monotonic_ms)
        try:
            try:
                if await self._until_stopped(lease.take(stands_by=self._stands_by)):
                    return
                await self._until_stopped(self._serve(lease))
            except LeaseLost as error:
                raise LeaseTaken(f"another gateway has taken over: {error}") from error
            finally:
                await lease.release()
        finally:
            self._broker.close()

    async def _serve(self, lease: Lease) -> None:
        """Serve; whatever of its parts ends ends all."""
        keeping = asyncio.create_task(lease.keep())
        delivering = asyncio.create_task(self._deliver(lease))
        try:
            done, _ = await asyncio.wait({keeping, delivering}, return_when=asyncio.FIRST_COMPLETED)
            self._is_lost = keeping in done
            for one in done:
                one.result()
        finally:
            for one in (delivering, keeping):
                one.cancel()
                with suppress(asyncio.CancelledError, OkosError):
                    await one

    async def _deliver(self, lease: Lease) -> None:
        listener = _Listeners()
        publisher = Publisher(self._store)
        door = self._door(publisher)
        client, first = await door.open(self._inbox)
        sorting = Sorting(
            bot_id=client.bot_id,
            username=client.username,
            settings=self._settings,
            store=self._store,
            publisher=publisher,
            listener=listener,
            ours=Ours(client),
        )
        publisher.on_outcome = sorting.note_outcome
        intake = Intake(
            client,
            peers=Peers(self._store, publisher),
            sorting=sorting,
            publisher=publisher,
            now_ms=monotonic_ms,
        )
        loop = asyncio.get_running_loop()
        delivery = Delivery(
            client=client,
            broker=self._broker,
            settings=self._settings,
            loop=loop,
            downloads=Downloads(client, self._broker, loop),
            is_sure=lambda: lease.is_sure,
        )
        listener.delivery = delivery
        try:
            sorting.handled = await self._handled(publisher)
            try:
                await self._until_one_ends(client, [self._caught_up(intake, publisher, first)])
                await delivery.start()
                _log.info("gateway serves", bot=client.username, buffer=self._settings.telegram.buffer)
                live = [intake.run(), self._tell_state(client, sorting, delivery), self._show_menu(client)]
                await self._until_one_ends(client, live)
            except (Refused, SessionForgotten) as problem:
                try:
                    async with asyncio.timeout(_REMEMBER_S):
                        refusal = await door.refusal(problem)
                except TimeoutError:
                    # The store is away: it is told all the same, and asked again at the next start.
                    refusal = NotLetIn(in_words(problem, client.bot_id))
                raise refusal from problem
        except LeaseLost:
            self._is_lost = True
            raise
        finally:
            if self._is_lost:
                # Two in one session end it for both.
                await client.close()
            await delivery.stop(_STOP_MS)
            await client.close()
            publisher.close()

    async def _caught_up(self, intake: Intake, publisher: Publisher, first: tuple[int, int]) -> None:
        await intake.start(await publisher.ask(self._store.progress), first)
        await self._take_back(publisher)

    async def _until_one_ends(self, client: Client, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Do these beside each other until one of them ends, or the session is of no more use."""
        parts = [asyncio.create_task(part) for part in work]
        try:
            done, _ = await asyncio.wait({client.failed, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def _door(self, publisher: Publisher) -> Door:
        return Door(self._credentials, settings=self._settings, store=self._store, publisher=publisher)

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do the work until it is done or the end is asked for; says whether it was."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            return self._stopped.is_set()
        finally:
            stopped.cancel()
            working.cancel()
            with suppress(asyncio.CancelledError, OkosError):
                await working

    async def _handled(self, publisher: Publisher) -> frozenset[str]:
        return await publisher.ask(lambda: kinds_handled(self._broker.workers(), self._settings))

    async def _take_back(self, publisher: Publisher) -> None:
        """Let what the last gateway had in hand be said at once: we have its lease, so it is gone or says nothing."""
        last = await publisher.ask(self._store.read, "state")
        if last is not None and (process := last.get("process")):
            taken = await publisher.ask(self._store.take_back, process)
            if taken:
                _log.info("going on with what the last gateway had in hand", count=taken)

    async def _tell_state(self, client: Client, sorting: Sorting, delivery: Delivery) -> None:
        """Keep what others may know of this gateway fresh, and what it knows of the workers."""
        while True:
            held_chats, held_ms = delivery.held()
            state = {
                "pid": os.getpid(),
                "process": self._broker.process_id,
                "since_s": self._started_s,
                "bot": client.username,
                "online": client.is_online,
                "buffered": len(self._inbox),
                "full": self._inbox.is_full,
                "held_chats": held_chats,
                "held_ms": held_ms,
            }
            with suppress(StoreUnavailable):
                await asyncio.to_thread(self._store.write, "state", state, ttl_ms=STATE_TTL_MS)
                sorting.handled = await asyncio.to_thread(lambda: kinds_handled(self._broker.workers(), self._settings))
            await asyncio.sleep(_STATE_S)

    async def _show_menu(self, client: Client) -> None:
        """Give Telegram the menu of commands, if it has another one; never returns."""
        commands = [T.BotCommand(command=name, description=text) for name, text in control.MENU.items()]
        query = F.bots.SetBotCommands(scope=T.BotCommandScopeDefault(), lang_code="", commands=commands)
        with suppress(Refused, OSError, StoreUnavailable):
            kept = await asyncio.to_thread(self._store.read, "menu")
            if kept != control.MENU:
                await client.call(query)
                await asyncio.to_thread(self._store.write, "menu", control.MENU, ttl_ms=30 * 86_400_000)
        await asyncio.Event().wait()


class _Listeners:
    """Passes on what was accepted, once there is somebody to hear it."""

    delivery: Delivery | None = None

    def accepted(self, envelope: Any) -> None:
        if self.delivery is not None:
            self.delivery.accepted(envelope)

    def withdrawn(self, envelope_id: str) -> None:
        if self.delivery is not None:
            self.delivery.withdrawn(envelope_id)

    def emptied(self, mailbox: str) -> None:
        if self.delivery is not None:
            self.delivery.emptied(mailbox)

"""A gateway of a real Redis and a data centre of the tests' own, and workers that note what reaches them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import dramatiq
from datacentre import DataCentre
from real_server import eventually

from okos.assistant.loader import UNSUPPORTED
from okos.envelope import Envelope, Reply
from okos.mailbox import MailboxBroker
from okos.outbox import posted
from okos.settings import Access, Settings, Telegram
from okos.telegram.client import Client
from okos.telegram.gateway import Gateway
from okos.telegram.inbox import Inbox
from okos.telegram.key import read_key
from okos.telegram.library import F

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

P = ParamSpec("P")

DEADLINE_S = 60.0
KINDS = ("text", "photo", "sticker", "voice", UNSUPPORTED)


def settings_for(dc: DataCentre, url: str | None, namespace: str, **about: Any) -> Settings:
    """Point a gateway at a data centre. `telegram` and `access` are added to what it needs."""
    telegram = {
        "api_id": 1,
        "api_hash": "hash",
        "bot_token": dc.bot_token,
        "dc_address": dc.address,
        "dc_public_key": dc.public_key_path,
        "album_ms": 300,
    } | about.pop("telegram", {})
    return Settings(
        redis_url=url,
        namespace=namespace,
        telegram=Telegram(**telegram),
        access=Access(**about.pop("access", {})),
        **about,
    )


class Taken:
    """The envelopes that reached a worker, in the order of their arrival; may be held back and let go."""

    def __init__(self, url: str, namespace: str) -> None:
        self.broker = MailboxBroker(url, namespace=namespace, lease_ms=10_000)
        self.envelopes: list[Envelope] = []
        self.contents: dict[str, list[bytes | None]] = {}
        self.go_on = threading.Event()
        self.go_on.set()
        for kind in KINDS:
            dramatiq.actor(broker=self.broker, actor_name=kind, queue_name=kind)(self._take)
        self._worker = dramatiq.Worker(self.broker, worker_threads=4, worker_timeout=100)

    def start(self) -> None:
        """Begin to work."""
        self.broker.emit_after("process_boot")
        self._worker.start()
        eventually(self.broker.workers)  # a gateway asks which kinds they handle

    def stop(self) -> None:
        """Work no more."""
        self.go_on.set()
        self._worker.stop()
        self.broker.close()

    def texts(self, user: int | None = None) -> list[str]:
        """Tell the texts that came, of one chat or of all."""
        return [one.text for one in self.envelopes if user is None or one.chat == str(user)]

    def waiting(self) -> int:
        """Count what waits or runs."""
        stats = self.broker.stats()
        return stats.waiting + stats.running

    def _take(self, body: object) -> None:
        envelope = Envelope.decode(body)
        self.envelopes.append(envelope)
        self.contents[envelope.id] = [self.broker.read(one.name) for one in envelope.attachments]
        self.go_on.wait(DEADLINE_S)
        reply = Reply(envelope_id=envelope.id, chat=envelope.chat, text=f"re: {envelope.text}", last=True)
        self.broker.enqueue(posted(envelope, reply))


@contextlib.contextmanager
def workers(url: str, namespace: str) -> Iterator[Taken]:
    """Run workers that note what they get."""
    taken = Taken(url, namespace)
    taken.start()
    try:
        yield taken
    finally:
        taken.stop()


@contextlib.asynccontextmanager
async def a_gateway(settings: Settings, *, stands_by: bool = False) -> AsyncIterator[asyncio.Task[None]]:
    """Run a gateway on this loop; gives its task, which ends with what ended it."""
    gateway = Gateway(settings, stands_by=stands_by)
    running = asyncio.create_task(gateway.run())
    try:
        yield running
    finally:
        gateway.stop()
        await asyncio.wait({running}, timeout=DEADLINE_S)


@contextlib.asynccontextmanager
async def a_client(dc: DataCentre) -> AsyncIterator[Client]:
    """Sign a client in; it is closed at the end."""
    telegram = settings_for(dc, None, "none").telegram
    client = Client(
        token=dc.bot_token,
        api_id=1,
        api_hash="hash",
        session=None,
        address=telegram.dc_host_port,
        key=read_key(dc.public_key_path),
        inbox=Inbox(100),
    )
    try:
        if not await client.open():
            await client.sign_in()
        await client.call(F.updates.GetState())
        yield client
    finally:
        await client.close()


async def ready(dc: DataCentre, running: asyncio.Task[None] | None = None, *, times: int = 1) -> None:
    """Wait until the bot's session receives updates, or raise what ended the gateway before."""
    calls = ("updates.GetDifference", "bots.SetBotCommands")

    def is_ready() -> bool:
        if running is not None and running.done():
            running.result()
        return sum(dc.record.counts().get(name, 0) for name in calls) >= times

    await dc.until(is_ready, DEADLINE_S)


async def until(condition: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def with_a_centre(test: Callable[Concatenate[DataCentre, P], Awaitable[None]]) -> Callable[P, None]:
    """Run a test, a coroutine, on a loop of its own with a data centre as its first argument."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def play() -> None:
            dc = await DataCentre().start()
            try:
                async with asyncio.timeout(2 * DEADLINE_S):
                    await test(dc, *args, **kwargs)
            finally:
                await dc.stop()

        asyncio.run(play())

    _, *fixtures = inspect.signature(test).parameters.values()
    # What pytest looks at.
    run.__dict__["__signature__"] = inspect.Signature(fixtures)
    return run

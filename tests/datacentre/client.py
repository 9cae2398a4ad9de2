"""Pointing the library's own clients at a data centre, for tests that use Pyrogram without Okos."""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, ParamSpec

import pyrogram
from pyrogram.connection import connection
from pyrogram.crypto import rsa
from pyrogram.handlers import MessageHandler

from .key import load_public_key
from .server import DataCentre

P = ParamSpec("P")

_DEADLINE_S = 60.0


@contextlib.contextmanager
def pointed_at(dc: DataCentre) -> Iterator[None]:
    """Let every client of this process dial the data centre, whichever it means to, and trust its key alone."""
    n, e = load_public_key(dc.public_key_path)
    keys = dict(rsa.server_public_keys)
    connect = connection.Connection.connect

    async def connect_here(self: Any) -> None:
        if hasattr(self, "address"):
            self.address = (dc.host, dc.port)
        else:  # kurigram
            self.server_address, self.port, self.ipv6 = dc.host, dc.port, False
        await connect(self)

    rsa.server_public_keys.clear()
    rsa.server_public_keys[dc.key.fingerprint] = rsa.PublicKey(n, e)
    connection.Connection.connect = connect_here
    try:
        yield
    finally:
        connection.Connection.connect = connect
        rsa.server_public_keys.clear()
        rsa.server_public_keys.update(keys)


def a_client(dc: DataCentre, **about: Any) -> Any:
    """Return a client of the bot, not started; without a file unless `name` and `workdir` say where."""
    about = {"name": "bot", "in_memory": True, **about}
    return pyrogram.Client(api_id=1, api_hash="hash", bot_token=dc.bot_token, **about)


@contextlib.asynccontextmanager
async def a_bot(dc: DataCentre, **about: Any) -> AsyncIterator[tuple[Any, asyncio.Queue[Any]]]:
    """Sign the library's own client in. What it hears, parsed by the library, comes out of the queue."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(_: Any, message: Any) -> None:
        heard.put_nowait(message)

    client = a_client(dc, **about)
    client.add_handler(MessageHandler(hear))
    async with _signed_in(dc, client):
        yield client, heard


class Listener(pyrogram.Client):  # type: ignore[misc]  # the library has no types
    """A client that keeps updates as they come on the wire, and asks for nothing by itself."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about)
        self.came: list[Any] = []

    async def handle_updates(self, updates: Any) -> None:
        """Keep it."""
        self.came.append(updates)

    async def ask(self, query: Any, *, timeout_s: float = _DEADLINE_S) -> Any:
        """Call once, without the library's own repeats; it has that long to be answered."""
        await asyncio.wait_for(self.session.is_started.wait(), _DEADLINE_S)
        return await self.session.send(query, timeout=timeout_s)

    def texts(self) -> list[str]:
        """Return the texts of all messages that came in updates, in their order."""
        messages = [getattr(one, "message", None) for bundle in self.came for one in getattr(bundle, "updates", [])]
        return [message.message for message in messages if message is not None]


@contextlib.asynccontextmanager
async def a_listener(dc: DataCentre, **about: Any) -> AsyncIterator[Listener]:
    """Sign in a client that only listens."""
    about = {"name": "bot", "in_memory": True, **about}
    client = Listener(api_id=1, api_hash="hash", bot_token=dc.bot_token, **about)
    async with _signed_in(dc, client):
        yield client


@contextlib.asynccontextmanager
async def _signed_in(dc: DataCentre, client: Any) -> AsyncIterator[None]:
    with pointed_at(dc):
        await asyncio.wait_for(client.start(), _DEADLINE_S)
        try:
            yield
        finally:
            await asyncio.wait_for(client.stop(), _DEADLINE_S)


def with_a_centre(test: Callable[Concatenate[DataCentre, P], Awaitable[None]]) -> Callable[P, None]:
    """Run a test, a coroutine, on a loop of its own with a data centre before its fixtures."""

    @functools.wraps(test)
    def run(*fixtures: P.args, **named: P.kwargs) -> None:
        async def play() -> None:
            dc = await DataCentre().start()
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    await test(dc, *fixtures, **named)
            finally:
                await dc.stop()

        asyncio.run(play())

    whole = inspect.signature(test)
    run.__signature__ = whole.replace(parameters=list(whole.parameters.values())[1:])  # type: ignore[attr-defined]
    return run

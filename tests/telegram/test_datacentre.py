"""The data centre, as a client of the library sees it over TCP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from datacentre import DataCentre, a_client, pointed_at
from pyrogram.handlers import MessageHandler


@asynccontextmanager
async def a_bot(dc: DataCentre) -> AsyncIterator[tuple[Any, "asyncio.Queue[Any]"]]:
    """Sign a bot in; what it hears comes out of the queue."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(_: Any, message: Any) -> None:
        heard.put_nowait(message)

    client = a_client(dc)
    client.add_handler(MessageHandler(hear))
    with pointed_at(dc):
        await asyncio.wait_for(client.start(), 30)
        try:
            yield client, heard
        finally:
            await client.stop()


def with_a_centre(test: Callable[[DataCentre], Awaitable[None]]) -> Callable[[], None]:
    """Run a test with a data centre of its own."""

    def run() -> None:
        async def play() -> None:
            dc = await DataCentre().start()
            try:
                async with asyncio.timeout(60):
                    await test(dc)
            finally:
                await dc.stop()

        asyncio.get_event_loop_policy().get_event_loop().run_until_complete(play())

    run.__name__ = test.__name__
    return run


@with_a_centre
async def test_a_bot_signs_in_hears_and_answers(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, heard):
        dc.says(alice, "how do you do?")
        message = await heard.get()
        await client.send_message(message.chat.id, "how do you do? **Well.**")
        assert message.from_user.id == alice.id
    assert dc.answers(alice) == ["how do you do? Well."]
    assert dc.violations() == []

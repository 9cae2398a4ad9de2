"""A call is made once, and leaves nothing behind however it ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from gateway_running import DEADLINE_S, settings_for, until, with_a_centre

from okos.telegram.client import Client
from okos.telegram.inbox import Inbox
from okos.telegram.key import read_key
from okos.telegram.library import F, Refused
from okos.telegram.reading import File

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from datacentre import DataCentre


@asynccontextmanager
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


@with_a_centre
async def test_a_call_that_is_not_answered_is_forgotten(dc: DataCentre) -> None:
    async with a_client(dc) as client:
        dc.ignore("updates.GetState")
        with pytest.raises(TimeoutError):
            await client.call(F.updates.GetState(), timeout_s=0.3)
        await until(lambda: client.session.results == {})


@with_a_centre
async def test_a_call_whose_line_breaks_is_forgotten(dc: DataCentre) -> None:
    async with a_client(dc) as client:
        for _ in range(2):
            dc.drop("updates.GetState")
            with pytest.raises(OSError, match="broke"):
                await client.call(F.updates.GetState(), timeout_s=30)
        assert (await client.call(F.updates.GetState(), timeout_s=30)).pts == 1
        await until(lambda: client.session.results == {})


@with_a_centre
async def test_a_call_that_is_refused_is_forgotten(dc: DataCentre) -> None:
    async with a_client(dc) as client:
        dc.fail("updates.GetState", 400, "BAD")
        with pytest.raises(Refused):
            await client.call(F.updates.GetState())
        await until(lambda: client.session.results == {})


@with_a_centre
async def test_a_client_that_is_closed_opens_no_line_for_a_file_again(dc: DataCentre) -> None:
    async with a_client(dc) as client:
        part = F.upload.SaveFilePart(file_id=1, file_part=0, bytes=b"part")
        await client.upload(part)
        await client.close()
        for asked in (client.upload(part), client.fetch(File(photo=True, dc=2, id=1, access_hash=0, reference=b""))):
            # As what a restart cancels: the next gateway does it, and no file is given up.
            with pytest.raises(asyncio.CancelledError):
                await asked
        await until(lambda: not dc.connections)


@with_a_centre
async def test_a_line_that_a_part_of_a_file_is_stuck_in_does_not_keep_the_client_from_closing(
    dc: DataCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyrogram.session.Session.PING_INTERVAL", 0.05)
    async with a_client(dc) as client:
        await client.upload(F.upload.SaveFilePart(file_id=1, file_part=0, bytes=b"part"))
        (session,) = client._files._sessions.values()
        # As a network that takes nothing more: who sends holds this, and the library's ping waits for it.
        lock = session.connection.protocol.lock
        async with lock:
            await until(lambda: lock._waiters)
            async with asyncio.timeout(DEADLINE_S):
                await client.close()
            assert not client.is_online

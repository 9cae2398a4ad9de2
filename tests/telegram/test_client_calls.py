"""A call is made once, and leaves nothing behind however it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from gateway_running import DEADLINE_S, a_client, until, with_a_centre

from okos.telegram.library import F, Refused
from okos.telegram.reading import File

if TYPE_CHECKING:
    from datacentre import DataCentre


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

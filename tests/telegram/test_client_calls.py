"""A call is made once, and leaves nothing behind however it ends."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from gateway_running import settings_for, until, with_a_centre

from okos.telegram.client import Client
from okos.telegram.inbox import Inbox
from okos.telegram.key import read_key
from okos.telegram.library import F, Refused

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

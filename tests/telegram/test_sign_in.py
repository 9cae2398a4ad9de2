"""Signing in: once, and when Telegram refuses, a line that says what to do and no second try."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from datacentre import DataCentre
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from real_server import a_server

from okos.mailbox import MailboxBroker
from okos.telegram.credentials import Unconfigured
from okos.telegram.gateway import Gateway
from okos.telegram.session import NotLetIn
from okos.telegram.store import LEASE_MS

if TYPE_CHECKING:
    from okos.settings import Settings


async def refusal(settings: Settings) -> str:
    """Tell the line with which a gateway ends."""
    with pytest.raises(NotLetIn) as raised:
        await Gateway(settings).run()
    return str(raised.value)


def sign_ins(dc: DataCentre) -> int:
    """Count how often the bot tried to sign in."""
    return dc.record.counts()["auth.ImportBotAuthorization"]


@with_a_centre
async def test_the_session_of_the_first_start_serves_all_later_ones(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        for times in (1, 2, 3):
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running, times=times)
                dc.says(alice, str(times))
                await until(lambda times=times: len(taken.envelopes) == times)  # type: ignore[misc]
    assert sign_ins(dc) == 1


@with_a_centre
async def test_a_session_that_is_revoked_while_the_start_catches_up_ends_it(
    dc: DataCentre, url: str, namespace: str
) -> None:
    settings = settings_for(dc, url, namespace)
    async with a_gateway(settings) as running:
        await ready(dc, running)
    dc.fail("updates.GetDifference", 401, "SESSION_REVOKED", times=None)
    async with asyncio.timeout(30):
        assert "okos gateway --sign-in" in await refusal(settings)


@with_a_centre
async def test_a_refused_token_is_not_tried_again(dc: DataCentre, url: str, namespace: str) -> None:
    dc.revoke_token()
    settings = settings_for(dc, url, namespace)
    line = await refusal(settings)
    assert "ask @BotFather" in line
    assert "OKOS_TELEGRAM__BOT_TOKEN" in line
    again = await refusal(settings)
    assert again.startswith(line)
    assert sign_ins(dc) == 1


def test_a_refused_application_is_named(url: str, namespace: str) -> None:
    async def play() -> None:
        dc = await DataCentre(api_id=5, api_hash="another").start()
        line = await refusal(settings_for(dc, url, namespace))
        assert "https://my.telegram.org/apps" in line
        await dc.stop()

    asyncio.run(play())


@with_a_centre
async def test_a_revoked_session_ends_the_gateway_until_it_signs_in_anew(
    dc: DataCentre, url: str, namespace: str
) -> None:
    settings = settings_for(dc, url, namespace)
    async with a_gateway(settings) as running:
        await ready(dc, running)
        dc.revoke()
        dc.cut_connections()
        with pytest.raises(NotLetIn, match=r"revoked .*okos gateway --sign-in"):
            await running
    calls = len(dc.record.calls)
    line = await refusal(settings)
    assert "okos gateway --sign-in" in line
    refused_calls = len(dc.record.calls)
    assert "is not asked again" in await refusal(settings)
    assert len(dc.record.calls) == refused_calls, "Telegram is left alone"
    assert refused_calls - calls <= 5
    assert await Gateway(settings).sign_in() == dc.bot.username
    async with a_gateway(settings) as running:
        await ready(dc, running, times=2)
    assert sign_ins(dc) == 2


@with_a_centre
async def test_a_revoked_session_is_told_also_while_the_store_is_away(dc: DataCentre, namespace: str) -> None:
    with a_server() as server:
        async with a_gateway(settings_for(dc, server.url, namespace)) as running:
            await ready(dc, running)
            await asyncio.to_thread(server.kill)
            dc.revoke()
            dc.cut_connections()
            with pytest.raises(NotLetIn, match=r"revoked .*okos gateway --sign-in"):
                await running
            await asyncio.to_thread(server.start)


@with_a_centre
async def test_a_forgotten_key_ends_the_gateway(dc: DataCentre, url: str, namespace: str) -> None:
    settings = settings_for(dc, url, namespace)
    async with a_gateway(settings) as running:
        await ready(dc, running)
        dc.forget_keys()
        dc.cut_connections()
        with pytest.raises(NotLetIn, match=r"does not know the session .*okos gateway --sign-in"):
            await running
    assert "okos gateway --sign-in" in await refusal(settings)


@with_a_centre
async def test_a_session_used_twice_ends_the_gateway(dc: DataCentre, url: str, namespace: str) -> None:
    async with a_gateway(settings_for(dc, url, namespace)) as running:
        await ready(dc, running)
        dc.fail("updates.GetDifference", 406, "AUTH_KEY_DUPLICATED")
        dc.says(dc.add_user("Alice"), "hello", form="too_long")
        with pytest.raises(NotLetIn, match=r"two processes used at once .*stop the other one"):
            await running


@with_a_centre
async def test_a_wait_at_sign_in_is_waited_for(dc: DataCentre, url: str, namespace: str) -> None:
    dc.fail("auth.ImportBotAuthorization", 420, "FLOOD_WAIT_1")
    async with a_gateway(settings_for(dc, url, namespace)) as running:
        await ready(dc, running)
    assert sign_ins(dc) == 2


@with_a_centre
async def test_who_signs_in_anew_keeps_other_gateways_away_however_long_that_takes(
    dc: DataCentre, url: str, namespace: str
) -> None:
    dc.fail("auth.ImportBotAuthorization", 420, f"FLOOD_WAIT_{LEASE_MS // 1000 + 2}")
    holders = set()
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    try:
        signing_in = asyncio.create_task(Gateway(settings_for(dc, url, namespace)).sign_in())
        await until(lambda: sign_ins(dc) == 1)
        while sign_ins(dc) == 1:
            holders.add(broker.lease_holder(f"telegram:{dc.bot.id}"))
            await asyncio.sleep(0.01)
        assert await signing_in == dc.bot.username
        assert len(holders) == 1
        assert broker.lease_holder(f"telegram:{dc.bot.id}") is None
    finally:
        broker.close()


@with_a_centre
async def test_without_a_network_it_goes_on_trying(dc: DataCentre, url: str, namespace: str) -> None:
    settings = settings_for(dc, url, namespace)
    await dc.stop()
    async with a_gateway(settings) as running:
        await asyncio.sleep(0.5)
        assert not running.done()
        await dc.start()
        await ready(dc, running)


@with_a_centre
async def test_a_data_centre_in_trouble_is_not_called_without_end(dc: DataCentre, url: str, namespace: str) -> None:
    trouble = dc.fail("help.GetConfig", 500, "INTERNAL", times=None)
    async with a_gateway(settings_for(dc, url, namespace)) as running:
        await dc.until(lambda: trouble.met >= 1)
        await asyncio.sleep(1)
        assert trouble.met <= 4
        dc.lift_faults()
        await ready(dc, running)


def test_what_is_missing_is_named(url: str, namespace: str) -> None:
    async def play() -> None:
        dc = await DataCentre().start()
        with pytest.raises(Unconfigured, match=r"OKOS_TELEGRAM__API_HASH"):
            Gateway(settings_for(dc, url, namespace, telegram={"api_hash": None}))
        await dc.stop()

    asyncio.run(play())

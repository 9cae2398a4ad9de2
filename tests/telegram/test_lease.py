"""One gateway serves a bot; another one refuses to start, or stands by and takes over."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from real_server import a_server
from structlog.testing import capture_logs

from okos.mailbox import MailboxBroker
from okos.settings import child_environment
from okos.telegram.client import monotonic_ms
from okos.telegram.gateway import Gateway
from okos.telegram.lease import AnotherGateway, Lease, LeaseTaken
from okos.telegram.session import NotLetIn
from okos.telegram.store import LEASE_MS, AnotherBot, GatewayStore

if TYPE_CHECKING:
    from pathlib import Path

    from datacentre import DataCentre

    from okos.settings import Settings


def start_process(settings: Settings, home: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start `okos gateway` as a person would."""
    environment = child_environment(settings.model_copy(update={"home": home}))
    with (home / "log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "okos", "gateway", *options], env=environment, stderr=log)


@with_a_centre
async def test_a_second_gateway_says_who_serves_the_bot_and_ends(dc: DataCentre, url: str, namespace: str) -> None:
    settings = settings_for(dc, url, namespace)
    async with a_gateway(settings) as running:
        await ready(dc, running)
        with pytest.raises(AnotherGateway, match=rf"process {os.getpid()} on .* --standby"):
            await Gateway(settings).run()
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1


@with_a_centre
async def test_a_namespace_is_one_bot_s_until_its_gateway_stops(dc: DataCentre, url: str, namespace: str) -> None:
    other = settings_for(dc, url, namespace, telegram={"bot_token": "999:another-bot-of-the-same-operator_12"})
    async with a_gateway(settings_for(dc, url, namespace)) as running:
        await ready(dc, running)
        for stands_by in (False, True):
            with pytest.raises(AnotherBot, match=rf"the bot {dc.bot.id} uses this namespace.*OKOS_NAMESPACE"):
                await Gateway(other, stands_by=stands_by).run()
        async with a_gateway(other.model_copy(update={"namespace": f"{namespace}-other"})) as elsewhere:
            with pytest.raises(NotLetIn):  # by the data centre, which knows one bot
                await asyncio.wait_for(elsewhere, 60)
    async with a_gateway(other) as running:
        with pytest.raises(NotLetIn):
            await asyncio.wait_for(running, 60)


@with_a_centre
async def test_one_that_stands_by_takes_over_at_once_when_the_other_stops(
    dc: DataCentre, url: str, namespace: str
) -> None:
    settings = settings_for(dc, url, namespace)
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as first:
            await ready(dc, first)
            dc.says(alice, "1")
            await dc.until(lambda: dc.answers(alice))
            async with a_gateway(settings, stands_by=True) as second:
                await until(lambda: is_stood_by(url, namespace, dc))
                await stop(first)
                dc.says(alice, "2")
                await ready(dc, second, times=2)
                dc.says(alice, "3")
                await dc.until(lambda: len(dc.answers(alice)) == 3)
    assert taken.texts() == ["1", "2", "3"]
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1
    assert not dc.record.of("overlap")
    assert dc.violations() == []


@with_a_centre
async def test_one_that_stands_by_takes_over_from_one_that_was_killed(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    settings = settings_for(dc, url, namespace)
    alice = dc.add_user("Alice")
    homes = [tmp_path / "a", tmp_path / "b"]
    for home in homes:
        home.mkdir()
    with workers(url, namespace) as taken:
        first = start_process(settings, homes[0])
        try:
            await ready(dc)
            second = start_process(settings, homes[1], "--standby")
            try:
                await until(lambda: is_stood_by(url, namespace, dc))
                dc.says(alice, "1")
                await dc.until(lambda: dc.answers(alice))
                await until(lambda: taken.waiting() == 0)
                first.kill()
                dc.says(alice, "2")
                await dc.until(lambda: len(dc.answers(alice)) == 2)
            finally:
                second.send_signal(signal.SIGTERM)
                await asyncio.to_thread(second.wait, 60)
        finally:
            first.kill()
            first.wait()
    assert taken.texts() == ["1", "2"]
    assert second.returncode == 0
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1
    assert not dc.record.of("overlap")
    assert dc.violations() == []


def test_one_that_stands_by_leaves_a_lease_that_an_outage_freed_to_its_holder(namespace: str) -> None:
    async def play() -> None:
        # Not durable: what was in it is gone with it.
        with a_server() as server:
            holder, other = (MailboxBroker(server.url, namespace=namespace, middleware=[], client=True) for _ in "ab")
            try:
                lease = Lease(GatewayStore(holder, 1, owner="holder"), now_ms=monotonic_ms)
                await lease.take(stands_by=False)
                standing_by = GatewayStore(other, 1, owner="other")
                taking = asyncio.create_task(Lease(standing_by, now_ms=monotonic_ms).take(stands_by=True))
                await until(lambda: other.read("telegram:1:standby"))
                server.kill()
                with capture_logs() as logs:
                    await until(lambda: any(one["event"] == "the store is away" for one in logs))
                server.start()
                back_ms = monotonic_ms()
                await taking
                assert monotonic_ms() - back_ms >= LEASE_MS, "so that its holder could have renewed it"
            finally:
                holder.close()
                other.close()

    asyncio.run(play())


def test_a_lease_that_is_being_taken_when_it_is_given_back_is_left_to_nobody(namespace: str) -> None:
    async def play() -> str | None:
        with a_server() as server:
            broker = MailboxBroker(server.url, namespace=namespace, middleware=[], client=True)
            try:
                broker.require_schema()
                pool = broker.store.client.connection_pool
                # Both calls are to have a line at once.
                for line in [pool.get_connection() for _ in "ab"]:
                    pool.release(line)
                lease = Lease(GatewayStore(broker, 1, owner="this"), now_ms=monotonic_ms)
                server.send(signal.SIGSTOP)
                try:
                    taking = asyncio.create_task(lease.take(stands_by=False))
                    await until(lambda: len(pool._in_use_connections) == 1)
                    taking.cancel()
                    releasing = asyncio.create_task(lease.release())
                    await until(lambda: lease._is_over)
                finally:
                    server.send(signal.SIGCONT)
                await releasing
                await asyncio.get_running_loop().shutdown_default_executor()
                return broker.lease_holder("telegram:1")
            finally:
                broker.close()

    assert asyncio.run(play()) is None


@with_a_centre
async def test_one_that_has_lost_its_lease_publishes_nothing_more(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    try:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            name = f"telegram:{dc.bot.id}"

            def takes_over() -> bool:
                broker.release_lease(name, broker.lease_holder(name) or "")
                return broker.take_lease(name, "another", ttl_ms=600_000)

            await until(takes_over)  # its holder may renew it in between
            dc.says(alice, "for the other one")
            with pytest.raises(LeaseTaken, match="another gateway has taken over"):
                await running
        assert broker.stats().accepted == 0
        assert broker.lease_holder(name) == "another"
    finally:
        broker.close()


def is_stood_by(url: str, namespace: str, dc: DataCentre) -> bool:
    """Tell whether a gateway waits for its turn."""
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    try:
        return broker.read(f"telegram:{dc.bot.id}:standby") is not None
    finally:
        broker.close()


async def stop(running: asyncio.Task[None]) -> None:
    """End a gateway as a signal would, with all that it does then."""
    running.cancel()
    await asyncio.wait({running})

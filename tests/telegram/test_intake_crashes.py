"""The gateway is killed: what people wrote is answered all the same, once and in order."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from typing import TYPE_CHECKING

from gateway_running import ready, settings_for, until, with_a_centre, workers

from okos.settings import child_environment

if TYPE_CHECKING:
    from pathlib import Path

    from datacentre import DataCentre
    from redis import Redis

    from okos.settings import Settings


class Killed:
    """`okos gateway` as a process that can be killed and started again."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self._environment = child_environment(settings.model_copy(update={"home": home}))
        self._log = home / "log"
        home.mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "okos", "gateway"]
            self._process = subprocess.Popen(command, env=self._environment, stderr=log)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@with_a_centre
async def test_killed_again_and_again_while_people_write(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    chance = random.Random(1)
    people = [dc.add_user(name) for name in ("Alice", "Bob", "Carol", "Dave")]
    settings = settings_for(dc, url, namespace, lease_ms=1_000, telegram={"per_chat_ms": 0, "per_second": 1_000})
    gateway = Killed(settings, tmp_path / "home")
    with workers(url, namespace) as taken:
        try:
            for life in range(4):
                gateway.start()
                if life == 0:
                    await ready(dc)
                for number in range(10):
                    for person in people:
                        dc.says(person, f"{life}.{number}")
                    await asyncio.sleep(chance.uniform(0, 0.15))
                # Somewhere between receiving, publishing, sending and settling.
                await asyncio.sleep(chance.uniform(0, 1.5))
                if life < 3:
                    gateway.kill()
            await dc.until(lambda: all(len(dc.answers(person)) == 40 for person in people), 60)
            await until(lambda: taken.waiting() == 0)
        finally:
            gateway.kill()
    for person in people:
        assert dc.answers(person) == [f"re: {life}.{number}" for life in range(4) for number in range(10)]
    assert dc.violations() == []
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1


@with_a_centre
async def test_killed_between_receiving_and_publishing(
    dc: DataCentre, url: str, admin: Redis, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = settings_for(dc, url, namespace, lease_ms=1_000)
    gateway = Killed(settings, tmp_path / "home")
    with workers(url, namespace):
        try:
            gateway.start()
            await ready(dc)
            dc.says(alice, "1")
            await dc.until(lambda: dc.answers(alice))
            # No script gets through: what is received cannot be published.
            admin.config_set("maxmemory", "1")
            for number in range(2, 12):
                dc.says(alice, str(number))
            await asyncio.sleep(0.3)
            gateway.kill()
            admin.config_set("maxmemory", "0")
            gateway.start()
            await dc.until(lambda: len(dc.answers(alice)) == 11, 60)
        finally:
            admin.config_set("maxmemory", "0")
            gateway.kill()
    assert dc.answers(alice) == [f"re: {number}" for number in range(1, 12)]
    assert dc.violations() == []

"""What the web answers to those who ask at the same time, without a browser."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from okos.operate.overview import Watch
from okos.settings import Settings
from okos.web.access import MOST_WRONG, Keyring
from okos.web.chat import Chats
from okos.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, MutableMapping

    import pytest
    from starlette.testclient import TestClient
    from starlette.types import ASGIApp, Receive

    from okos.mailbox import MailboxBroker

    Open = Callable[..., TestClient]

R = TypeVar("R")


def run(work: Coroutine[object, object, R]) -> R:
    """Run a coroutine where no loop runs: a browser that other tests opened keeps one on the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def ask(app: ASGIApp, method: str, path: str, receive: Receive) -> int:
    """Ask beside others, which the client cannot; returns the status."""
    head = {"host": "127.0.0.1", "content-type": "application/x-www-form-urlencoded"}
    scope: dict[str, object] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in head.items()],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "state": {},
    }
    statuses = []

    async def send(event: MutableMapping[str, int]) -> None:
        statuses.append(event.get("status", 0))

    await app(scope, receive, send)
    return statuses[0]


def test_guesses_that_come_at_once_are_counted_like_others(open_site: Open) -> None:
    app = open_site().app

    async def guess(all_here: asyncio.Barrier) -> int:
        async def receive() -> dict[str, object]:
            await all_here.wait()
            return {"type": "http.request", "body": b"token=wrong"}

        return await ask(app, "POST", "/login", receive)

    async def guess_at_once() -> list[int]:
        all_here = asyncio.Barrier(20)
        return list(await asyncio.gather(*(guess(all_here) for _ in range(20))))

    statuses = run(guess_at_once())

    assert (statuses.count(401), statuses.count(429)) == (MOST_WRONG, 20 - MOST_WRONG)


def test_all_who_ask_whether_it_is_ready_wait_for_one_message_and_nobody_else_for_them(
    open_site: Open, broker: MailboxBroker
) -> None:
    app = open_site().app

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def ask_at_once() -> tuple[int, int]:
        probes = [asyncio.create_task(ask(app, "GET", "/ready", receive)) for _ in range(80)]
        while not broker.store.client.exists(broker.store.key("msg")):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        health = await ask(app, "GET", "/health", receive)
        still_asking = sum(not probe.done() for probe in probes)
        await asyncio.gather(*probes)
        return health, still_asking

    assert run(ask_at_once()) == (200, 80)
    assert broker.gauges("outbox").stats.waiting == 0
    counts = broker.store.client.hgetall(broker.store.key("counts"))
    assert int(counts[b"aside_accepted"]) == 1


def test_pages_that_did_not_come_back_are_closed_once_by_two_who_look(
    broker: MailboxBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(
        settings=Settings(redis_url=broker.url, namespace=broker.namespace),
        broker=broker,
        keyring=Keyring({}),
        watch=Watch(broker),
    )

    async def look_twice() -> int:
        chats = Chats(site)
        for number in range(3):
            await chats._open(f"page {number}")
        monkeypatch.setattr("okos.web.chat.AWAY_S", -1.0)
        await asyncio.gather(chats.tidy(), chats.tidy())
        return len(chats._pages)

    assert run(look_twice()) == 0

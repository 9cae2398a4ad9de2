"""What the web answers to those who ask at the same time, without a browser."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from real_server import DEADLINE_S

from okos.envelope import Envelope, Reply
from okos.local.question import Question
from okos.operate.overview import Watch
from okos.outbox import posted
from okos.settings import Settings
from okos.web.access import MOST_WRONG, Keyring
from okos.web.chat import AWAY_S, MOST_KEPT, Chats
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


def test_who_leaves_while_a_form_is_sent_is_no_error(open_site: Open) -> None:
    app = open_site().app
    sent: list[dict[str, object]] = [
        {"type": "http.request", "body": b"token=", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return sent.pop(0)

    assert run(ask(app, "POST", "/login", receive)) == 400


def a_site(broker: MailboxBroker) -> Site:
    return Site(
        settings=Settings(redis_url=broker.url, namespace=broker.namespace),
        broker=broker,
        keyring=Keyring({}),
        watch=Watch(broker),
    )


def test_pages_that_did_not_come_back_are_closed_once_by_two_who_look(
    broker: MailboxBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = a_site(broker)

    async def look_twice() -> int:
        chats = Chats(site)
        for number in range(3):
            await chats._open(f"page {number}")
        monkeypatch.setattr("okos.web.chat.AWAY_S", -1.0)
        await asyncio.gather(chats.tidy(), chats.tidy())
        return len(chats._pages)

    assert run(look_twice()) == 0


def test_a_page_that_is_closed_for_another_before_it_listens_is_told_to_come_again(
    broker: MailboxBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okos.web.chat.MOST_PAGES", 1)

    async def come_together() -> list[str]:
        chats = Chats(a_site(broker))
        first = await chats._open("first")
        assert await chats._open("second") is not None
        assert first is not None
        events = first.listen(0)
        heard = [await anext(events), await anext(events, "the end")]
        await events.aclose()
        await chats.close()
        return heard

    assert run(come_together()) == [": hello\n\n", "the end"]


def test_a_page_that_comes_back_or_speaks_before_it_is_closed_stays_open(broker: MailboxBroker) -> None:
    async def come_back() -> tuple[bool, bool]:
        chats = Chats(a_site(broker))
        page = await chats._open("page")
        assert page is not None
        page.left_at -= 2 * AWAY_S
        has_come_back = await chats._open("page") is page
        page.left_at -= 2 * AWAY_S
        await asyncio.to_thread(page.say, "ada", Question(text="Are you there?"))
        await chats.tidy()
        is_open = "page" in chats._pages
        await chats.close()
        return has_come_back, is_open

    assert run(come_back()) == (True, True)


def test_an_answer_that_came_while_a_page_was_away_is_not_lost_to_what_was_being_written_then(
    broker: MailboxBroker,
) -> None:
    many = 2 * MOST_KEPT

    async def write_while_nobody_listens() -> list[dict[str, object]]:
        chats = Chats(a_site(broker))
        page = await chats._open("page")
        assert page is not None
        said = [await asyncio.to_thread(page.say, user, Question(text="Tell me a story.")) for user in ("ada", "ben")]
        about = {"channel": "local", "kind": "text", "sent_at_ms": 0, "reply_to": page.channel.outbox}
        question = Envelope(id=said[0], chat="ada", user="ada", **about)  # type: ignore[arg-type]  # as given
        await asyncio.to_thread(
            broker.enqueue, posted(question, Reply(envelope_id=said[0], chat="ada", text="The end.", last=True))
        )
        async with asyncio.timeout(DEADLINE_S):
            while page._number < 1:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            for number in range(many):
                glimpse = {"id": said[1], "token": "1-0", "text": f"Once upon {number}"}
                broker.preview(page.channel.outbox, json.dumps(glimpse).encode())
            while page._number < 1 + many:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        events = page.listen(0)
        heard = [await anext(events) for _ in range(3)][1:]
        await events.aclose()
        await chats.close()
        return [json.loads(one.partition("data: ")[2]) for one in heard]

    answer, glimpse = run(write_while_nobody_listens())

    assert (answer["what"], answer["text"]) == ("reply", "The end.")
    assert (glimpse["what"], glimpse["text"]) == ("glimpse", f"Once upon {many - 1}")

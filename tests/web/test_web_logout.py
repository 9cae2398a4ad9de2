"""A log-out ends a session on the server: a copy of its cookie opens nothing any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from real_server import a_server
from web_system import OPERATOR

from okos.mailbox import MailboxBroker
from okos.web.access import SESSION_MS
from okos.web.guard import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis
    from starlette.testclient import TestClient

    Open = Callable[..., TestClient]

HTML = {"accept": "text/html"}


def log_in(client: TestClient) -> TestClient:
    assert client.post("/login", data={"token": OPERATOR}).status_code == 303
    return client


def csrf(client: TestClient) -> str:
    found = re.search(r'data-csrf="(\w+)"', client.get("/users", headers=HTML).text)
    assert found is not None
    return found[1]


def copied(client: TestClient, other: TestClient) -> TestClient:
    """Give another browser the cookie of this one."""
    other.cookies.set(COOKIE, client.cookies[COOKIE])
    return other


@pytest.mark.parametrize("path", ["/", "/users", "/audit", "/settings", "/chat", "/history.json", "/chat/file"])
def test_a_copied_cookie_opens_nothing_after_the_log_out(open_site: Open, path: str) -> None:
    client = log_in(open_site())
    copy = copied(client, open_site())
    before = copy.get(path, headers=HTML).status_code

    client.post("/logout", data={"csrf": csrf(client)})
    after = copy.get(path, headers=HTML)

    assert before == (404 if path == "/chat/file" else 200)
    assert (after.status_code, after.headers["location"].partition("?")[0]) == (303, "/login")


def test_a_copied_cookie_does_nothing_after_the_log_out(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    copy, token = copied(client, open_site()), csrf(client)
    client.post("/logout", data={"csrf": token})

    paused = copy.post("/act/pause-all", data={"csrf": token, "confirmed": "yes"})
    said = copy.post("/chat/say", data={"csrf": token, "page": "0" * 16, "user": "ada", "text": "hello"})
    sent = copy.post("/chat/photo", content=b"{}\nGIF89a", headers={"x-csrf-token": token})

    assert [answer.status_code for answer in (paused, said, sent)] == [401, 401, 401]
    assert not broker.limits().all_paused


@pytest.mark.parametrize("path", ["/live", "/chat/stream?page=0123456789abcdef"])
def test_a_copied_cookie_begins_no_stream_after_the_log_out(open_site: Open, path: str) -> None:
    client = log_in(open_site())
    copy = copied(client, open_site())

    client.post("/logout", data={"csrf": csrf(client)})

    assert copy.get(path).status_code == 401


def test_who_comes_back_with_an_ended_session_is_shown_the_login(open_site: Open) -> None:
    client = log_in(open_site())
    copy = copied(client, open_site())
    client.post("/logout", data={"csrf": csrf(client)})

    login = copy.get("/login", headers=HTML)

    assert login.status_code == 200
    assert log_in(copy).get("/users", headers=HTML).status_code == 200


def test_only_its_own_session_is_ended_and_the_store_remembers_it_for_as_long_as_it_had_left(
    open_site: Open, broker: MailboxBroker, admin: Redis
) -> None:
    client, other = log_in(open_site()), log_in(open_site())

    client.post("/logout", data={"csrf": csrf(client)})

    assert other.get("/users", headers=HTML).status_code == 200
    [key] = broker.store.client.scan_iter(broker.store.key("store:s:web:ended:*"))
    assert 0 < admin.pttl(key) <= SESSION_MS


def test_a_store_that_is_away_keeps_nobody_in_and_who_leaves_is_told_what_that_means(open_site: Open) -> None:
    with a_server() as server:
        broker = MailboxBroker(server.url, middleware=[], client=True)
        client = log_in(open_site(of=broker))
        token = csrf(client)
        server.stop()

        left = client.post("/logout", data={"csrf": token})
        entered = client.post("/login", data={"token": OPERATOR})
        broker.close()

    assert (left.status_code, "a copy of its cookie" in left.text) == (503, True)
    assert f'{COOKIE}=""' in left.headers["set-cookie"]
    assert entered.status_code == 303

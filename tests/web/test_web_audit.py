"""Who comes, goes and guesses is in the audit, beside what was changed and never instead of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from web_system import OPERATOR, VIEWER

from okos.mailbox import AuditLog, MailboxBroker
from okos.web.access import MOST_WRONG, TELL_EVERY_MS, WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    Open = Callable[..., TestClient]

HTML = {"accept": "text/html"}
#: More than are kept in a log.
MANY = 1100


def log_in(client: TestClient, token: str = OPERATOR) -> TestClient:
    assert client.post("/login", data={"token": token}).status_code == 303
    return client


def send(client: TestClient, path: str, **fields: str) -> int:
    """Send a form of a page."""
    found = re.search(r'data-csrf="(\w+)"', client.get("/users", headers=HTML).text)
    assert found is not None
    return client.post(path, data={"csrf": found[1], **fields}).status_code


@pytest.mark.parametrize(("token", "role"), [(OPERATOR, "operator"), (VIEWER, "viewer")])
def test_a_log_in_and_a_log_out_tell_the_role_and_the_address(
    open_site: Open, broker: MailboxBroker, token: str, role: str
) -> None:
    client = log_in(open_site(), token)
    page = client.get("/users", headers=HTML).text

    client.post("/logout", data={"csrf": re.findall(r'data-csrf="(\w+)"', page)[0]})

    out, into = broker.audit()
    assert [(one.action, one.target, one.outcome) for one in (into, out)] == [
        ("log in", "web", "from testclient"),
        ("log out", "web", "from testclient"),
    ]
    assert into.who == out.who
    assert re.fullmatch(rf"{role}@web/[0-9a-f]{{6}}", into.who)


def test_who_guesses_is_written_down_when_the_wait_begins_and_seldom(open_site: Open, broker: MailboxBroker) -> None:
    now = [1_700_000_000_000]
    client = open_site(now_ms=lambda: now[0])

    for _ in range(TELL_EVERY_MS // WAIT_MS + 1):
        for _ in range(2 * MOST_WRONG):
            client.post("/login", data={"token": "a-wrong-token-of-mine"})
        now[0] += WAIT_MS

    last, first = broker.audit()
    assert {(one.who, one.action) for one in (first, last)} == {("nobody@web", "give wrong tokens")}
    assert first.outcome == "5 in a row from testclient, which waits"
    assert last.outcome == "5 in a row from testclient, which waits; 19 such before, not written down"
    assert "a-wrong-token-of-mine" not in str(broker.store.client.lrange(broker.store.key("visits"), 0, -1))


def test_a_guess_or_two_are_a_line_of_the_log_alone(open_site: Open, broker: MailboxBroker) -> None:
    client = open_site()

    for _ in range(MOST_WRONG - 1):
        client.post("/login", data={"token": "wrong"})

    assert broker.audit() == []


def test_no_number_of_visits_pushes_out_a_change(open_site: Open, broker: MailboxBroker) -> None:
    send(log_in(open_site()), "/act/pause", key="local:7")

    for _ in range(MANY):
        broker.note("viewer@web/0", "log in", "web", "from everywhere", is_visit=True)

    assert [one.action for one in broker.audit(only=AuditLog.CHANGES)] == ["pause"]
    assert len(broker.audit(limit=2 * MANY, only=AuditLog.VISITS)) == 1000
    assert len(broker.audit(limit=2 * MANY)) == 1001


def test_the_page_shows_changes_and_visits_together_or_one_of_both(open_site: Open) -> None:
    client = log_in(open_site())
    send(client, "/act/pause", key="local:7")

    together, changes, visits, unknown = (
        re.findall(r'data-label="What">([^<]+)', client.get(f"/audit{query}", headers=HTML).text)
        for query in ("", "?only=changes", "?only=visits", "?only=nothing")
    )

    assert (together, changes, visits, unknown) == (["pause", "log in"], ["pause"], ["log in"], ["pause", "log in"])

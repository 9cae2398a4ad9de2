"""Whatever comes in by an address or a form, no page breaks, nothing is unescaped, and no header is split."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_system import OPERATOR

from okos.web.action import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

MARK = "<i>mark</i>"
ODD = [
    "",
    " ",
    "\0",
    "local:7",
    "../..",
    MARK,
    '"><script>',
    "{{7*7}}",
    "%0d%0aset-cookie: a=b",
    "9" * 30,
    "-1",
    "nan",
    "é" * 300,
]
VALUES = st.one_of(st.sampled_from(ODD), st.text(max_size=60))
ASKED = {
    "/users": ["q"],
    "/mailbox": ["key", "offset"],
    "/message": ["id"],
    "/find": ["q"],
    "/dead": ["mailbox", "actor", "error", "since", "by", "offset"],
    "/history.json": ["span"],
    "/login": ["next", "token"],
}
FIELDS = [
    "key",
    "id",
    "back",
    "confirmed",
    "max_jobs_per_user",
    "jobs_per_second",
    "burst",
    "since_ms",
    "error",
    "csrf",
]
UNHURRIED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@UNHURRIED
@given(path=st.sampled_from(sorted(ASKED)), fields=st.data())
def test_no_address_breaks_a_page(open_site: Callable[..., TestClient], path: str, fields: st.DataObject) -> None:
    client = entered(open_site)
    query = {name: fields.draw(VALUES, name) for name in ASKED[path]}

    answer = client.get(f"{path}?{urlencode(query, errors='replace')}", headers={"accept": "text/html"})

    assert answer.status_code in {200, 303, 404}
    assert MARK not in answer.text
    assert "set-cookie: a=b" not in str(answer.headers).lower()


@UNHURRIED
@given(name=st.sampled_from(sorted(ACTIONS)), fields=st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), max_size=12))
def test_no_form_breaks_an_action(
    open_site: Callable[..., TestClient], name: str, fields: list[tuple[str, str]]
) -> None:
    client = entered(open_site)
    body = urlencode([("csrf", client.headers["x-csrf-token"]), *fields], errors="replace")

    answer = client.post(f"/act/{name}", content=body, headers={"accept": "text/html"})

    assert answer.status_code in {200, 303}
    assert MARK not in answer.text
    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")


@UNHURRIED
@given(body=st.binary(max_size=200))
def test_no_bytes_break_an_action(open_site: Callable[..., TestClient], body: bytes) -> None:
    assert entered(open_site).post("/act/cancel", content=body).status_code in {200, 303}


def entered(open_site: Callable[..., TestClient]) -> TestClient:
    """Give one client that has logged in and sends its token with everything."""
    client = _OPEN.get(id(open_site))
    if client is None:
        _OPEN.clear()
        client = _OPEN[id(open_site)] = open_site()
        client.post("/login", data={"token": OPERATOR})
        found = re.search(r'data-csrf="(\w+)"', client.get("/users", headers={"accept": "text/html"}).text)
        assert found is not None
        client.headers["x-csrf-token"] = found[1]
    return client


_OPEN: dict[int, TestClient] = {}

"""Whatever comes in by an address or a form, no page breaks, nothing is unescaped, and no header is split."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest
from fuzzing import fuzzed
from hypothesis import given
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
    "9" * 5000,
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
    "/dead": ["mailbox", "actor", "error", "alike", "since", "by", "offset"],
    "/chat/file": ["page", "key"],
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
    "alike",
    "csrf",
]
PATHS = [
    *ASKED,
    "/",
    "/schedule",
    "/audit",
    "/settings",
    "/chat",
    "/logout",
    "/chat/say",
    "/chat/photo",
    "/act/requeue-all",
    "/nowhere",
]
PATHS += [
    "/static/okos.css",
    "/static/../serve.py",
    "/static/%2e%2e/serve.py",
    "/static//etc/passwd",
    "/health",
    "/metrics",
]
HEADERS = {
    "accept": ["text/html", "*/*", "application/json", "", MARK],
    "host": ["127.0.0.1", "localhost:1", "evil.test", MARK, "", "[::1", "a" * 3000],
    "origin": ["null", "http://127.0.0.1", "https://evil.test", MARK],
    "sec-fetch-site": ["same-origin", "cross-site", "none", MARK],
    "content-type": ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", MARK],
    "cookie": ["okos_session=", "okos_session=a.b", "okos_flash=e30.00", "=", ";;;", "okos_session=\u00e9", "a" * 3000],
    "hx-request": ["true", MARK],
    "x-csrf-token": ["", "0" * 64, "\u00e9"],
    "x-forwarded-proto": ["https", MARK],
    "x-forwarded-for": ["1.2.3.4", "::1", MARK, "a" * 300],
    "range": ["bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=" + "0-1," * 500],
    "if-modified-since": ["Thu, 01 Jan 1970 00:00:00 GMT", "yesterday"],
    "if-none-match": ['"a"', "*"],
    "content-length": ["0"],
}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get"]

pytestmark = pytest.mark.fuzz


@fuzzed(60)
@given(path=st.sampled_from(sorted(ASKED)), fields=st.data())
def test_no_address_breaks_a_page(open_site: Callable[..., TestClient], path: str, fields: st.DataObject) -> None:
    client = entered(open_site)
    query = {name: fields.draw(VALUES, name) for name in ASKED[path]}

    answer = client.get(f"{path}?{urlencode(query, errors='replace')}", headers={"accept": "text/html"})

    assert answer.status_code in {200, 303, 404}
    assert MARK not in answer.text
    assert "set-cookie: a=b" not in str(answer.headers).lower()


@fuzzed(60)
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


@fuzzed(60)
@given(body=st.binary(max_size=200))
def test_no_bytes_break_an_action(open_site: Callable[..., TestClient], body: bytes) -> None:
    assert entered(open_site).post("/act/cancel", content=body).status_code in {200, 303}


@fuzzed(250)
@given(data=st.data())
def test_whatever_is_asked_how_and_by_whom_is_answered(
    open_site: Callable[..., TestClient], data: st.DataObject
) -> None:
    """Every route, by every method, with odd headers and forms, by somebody who has logged in and by somebody else."""
    client = entered(open_site)
    method, path = data.draw(st.sampled_from(METHODS)), data.draw(st.sampled_from(PATHS))
    names = data.draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=4, unique=True))
    headers = {name.encode(): data.draw(st.sampled_from(HEADERS[name])).encode() for name in names}
    fields = data.draw(st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), max_size=4))
    body = (
        urlencode(fields, errors="replace").encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=99))
    )

    answer = client.request(method, path, content=body if method != "TRACE" else None, headers=headers)

    assert answer.status_code < 500 or answer.status_code == 503
    assert MARK not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert OPERATOR not in answer.text
    assert "root:" not in answer.text
    assert "def operator_token" not in answer.text
    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")


@fuzzed(60)
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="?#"), max_size=40))
def test_no_path_breaks_the_web_or_leads_out_of_it(open_site: Callable[..., TestClient], path: str) -> None:
    answer = entered(open_site).get(f"/{quote(path)}", headers={"accept": "text/html"})

    assert answer.status_code in {200, 303, 307, 401, 404, 405, 503}
    assert not answer.headers.get("location", "/").startswith("//")


@fuzzed(60)
@given(body=st.one_of(st.binary(max_size=200), st.just(b"[" * 200_000), st.just(b'{"a": 1}\n'), st.just(b"[]\nabc")))
def test_no_bytes_break_an_upload(open_site: Callable[..., TestClient], body: bytes) -> None:
    assert entered(open_site).post("/chat/photo", content=body).status_code in {400, 503}


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

"""What the web answers, without a browser: who gets in, what is refused, and which headers there are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import dramatiq
import pytest
from real_server import a_server
from web_system import OPERATOR, VIEWER

from okos.local.question import MOST_PHOTO_BYTES
from okos.mailbox import MailboxBroker
from okos.settings import Telegram
from okos.web.access import MOST_WRONG, WAIT_MS
from okos.web.action import ACTIONS
from okos.web.guard import MOST_FORM_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    Open = Callable[..., TestClient]

HTML = {"accept": "text/html"}
PAGES = ["/", "/users", "/mailbox?key=local:7", "/dead", "/dead?by=error", "/schedule", "/audit", "/settings", "/chat"]
TEXT = "the secret of the user"


def log_in(client: TestClient, token: str = OPERATOR) -> TestClient:
    assert client.post("/login", data={"token": token}).status_code == 303
    return client


def csrf(client: TestClient) -> str:
    found = re.search(r'data-csrf="(\w+)"', client.get("/users", headers=HTML).text)
    assert found is not None
    return found[1]


def post(client: TestClient, path: str, **fields: str) -> tuple[int, str]:
    """Send a form as a page does; returns the status and what is said then."""
    answer = client.post(path, data={"csrf": csrf(client), "back": "/users", **fields}, headers=HTML)
    if answer.status_code != 303:
        return answer.status_code, answer.text
    return 303, client.get(answer.headers["location"], headers=HTML).text


def a_message(message_id: str, mailbox: str = "local:7") -> dramatiq.Message[None]:
    envelope = {"channel": "local", "chat": "7", "user": "7", "kind": "text", "text": TEXT, "id": message_id}
    return dramatiq.Message("text", "text", (envelope,), {}, {"mailbox": mailbox}, message_id=message_id)


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_a_page_leads_to_the_login_and_back(open_site: Open, path: str) -> None:
    client = open_site()

    answer = client.get(path, headers=HTML)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    entered = client.post(answer.headers["location"], data={"token": OPERATOR})
    assert entered.headers["location"] == path


@pytest.mark.parametrize("path", ["/history.json", "/live", "/chat/stream?page=0123456789abcdef"])
def test_without_a_session_no_figure_is_given(open_site: Open, path: str) -> None:
    assert open_site().get(path).status_code == 401


@pytest.mark.parametrize("name", ACTIONS)
def test_without_a_session_nothing_is_done(open_site: Open, name: str) -> None:
    assert open_site().post(f"/act/{name}", data={"key": "local:7"}).status_code == 401


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_says_what_a_browser_may_load(open_site: Open, path: str) -> None:
    for answer in (open_site().get(path, headers=HTML), log_in(open_site()).get(path, headers=HTML)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_script_or_a_style_in_it(open_site: Open, path: str) -> None:
    page = log_in(open_site()).get(path, headers=HTML)

    assert page.status_code == 200
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page.text) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.text) == []


def test_a_wrong_token_does_not_get_in(open_site: Open) -> None:
    client = open_site()

    answer = client.post("/login", data={"token": "operator"})

    assert answer.status_code == 401
    assert "okos_session" not in client.cookies


def test_who_guesses_has_to_wait_even_with_the_right_token(open_site: Open) -> None:
    now = [1_700_000_000_000]
    client = open_site(now_ms=lambda: now[0])
    for _ in range(MOST_WRONG):
        client.post("/login", data={"token": "wrong"})

    refused = client.post("/login", data={"token": OPERATOR})

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == str(WAIT_MS // 1000)
    now[0] += WAIT_MS
    assert client.post("/login", data={"token": OPERATOR}).status_code == 303


@pytest.mark.parametrize("deed", ["discard-all", "requeue-all"])
def test_an_instant_that_is_none_means_no_dead_letter(open_site: Open, deed: str) -> None:
    _, said = post(log_in(open_site()), f"/act/{deed}", since_ms="yesterday", confirmed="yes")

    assert "since_ms should be an instant" in said


def test_a_cookie_is_out_of_a_script_s_reach_and_goes_to_no_other_site(open_site: Open) -> None:
    plain = open_site().post("/login", data={"token": OPERATOR}).headers["set-cookie"].lower()
    secure = (
        open_site("https://okos.test", hosts=["okos.test"])
        .post("/login", data={"token": OPERATOR})
        .headers["set-cookie"]
        .lower()
    )

    assert "httponly" in plain
    assert "samesite=strict" in plain
    assert "secure" not in plain
    assert "secure" in secure


@pytest.mark.parametrize("path", ["/", "/login", "/users", "/static/okos.css", "/nowhere", "/chat/stream"])
@pytest.mark.parametrize("name", ["evil.test", "127.0.0.1.evil.test:8080", ""])
def test_a_name_that_another_site_may_have_lead_here_is_refused(open_site: Open, path: str, name: str) -> None:
    client = log_in(open_site())

    refused = client.get(path, headers=HTML | {"host": name})

    assert refused.status_code == 421
    assert "OKOS_WEB__HOSTS" in refused.text
    assert "set-cookie" not in refused.headers
    assert "default-src 'none'" in refused.headers["content-security-policy"]


def test_nobody_logs_in_or_acts_by_such_a_name(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    named = {"host": "evil.test", "origin": "http://evil.test", "sec-fetch-site": "same-origin"}

    acted = client.post("/act/resume-all", data={"csrf": csrf(client)}, headers=named)
    entered = open_site().post("/login", data={"token": OPERATOR}, headers=named)

    assert (acted.status_code, entered.status_code) == (421, 421)
    assert [entry.action for entry in broker.audit()] == ["log in"]


def test_a_listed_name_and_any_address_are_answered(open_site: Open) -> None:
    client = log_in(open_site(hosts=["okos.example.org"]))

    answers = [
        client.get("/users", headers=HTML | {"host": name}).status_code
        for name in ("okos.example.org", "OKOS.example.org:443", "localhost:8080", "192.0.2.7", "[::1]:8080")
    ]

    assert set(answers) == {200}


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_programs_ask_by_whatever_name_their_network_has(open_site: Open, path: str) -> None:
    assert open_site().get(path, headers={"host": "web:8080"}).status_code == 200


def test_who_came_by_tls_is_kept_on_it(open_site: Open) -> None:
    plain = open_site().get("/login").headers
    secure = open_site("https://okos.test", hosts=["okos.test"]).get("/login").headers

    assert "strict-transport-security" not in plain
    assert "max-age=" in secure["strict-transport-security"]


def test_a_look_at_the_login_without_its_page_is_no_wrong_token(open_site: Open) -> None:
    client = open_site()

    answers = {client.head("/login").status_code for _ in range(2 * MOST_WRONG)}

    assert answers == {200}
    assert client.post("/login", data={"token": OPERATOR}).status_code == 303


@pytest.mark.parametrize(
    "to", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb", "/" * 3000]
)
def test_a_login_leads_to_no_other_site(open_site: Open, to: str) -> None:
    answer = open_site().post(f"/login?{urlencode({'next': to})}", data={"token": OPERATOR})

    assert answer.headers["location"] == "/"


def test_after_logging_out_the_pages_are_closed(open_site: Open) -> None:
    client = log_in(open_site())

    post(client, "/logout")

    assert client.get("/users", headers=HTML).status_code == 303


@pytest.mark.parametrize("name", ACTIONS)
def test_without_its_csrf_token_nothing_is_done(open_site: Open, broker: MailboxBroker, name: str) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))

    refused = [
        client.post(f"/act/{name}", data={"key": "local:7", "id": "m1", "confirmed": "yes", "csrf": token})
        for token in ("", "0" * 64, csrf(log_in(open_site())))
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert not broker.limits().paused
    assert broker.stats().waiting == 1


@pytest.mark.parametrize("header", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.test"}])
def test_a_form_of_another_site_is_refused_whatever_it_carries(
    open_site: Open, broker: MailboxBroker, header: dict[str, str]
) -> None:
    client = log_in(open_site())

    refused = client.post("/act/pause", data={"key": "local:7", "csrf": csrf(client)}, headers=header)

    assert refused.status_code == 403
    assert not broker.limits().paused
    assert open_site().post("/login", data={"token": OPERATOR}, headers=header).status_code == 403


@pytest.mark.parametrize("name", ACTIONS)
def test_a_viewer_changes_nothing(open_site: Open, broker: MailboxBroker, name: str) -> None:
    client = log_in(open_site(), VIEWER)
    broker.enqueue(a_message("m1"))

    status, _ = post(client, f"/act/{name}", key="local:7", id="m1", confirmed="yes")

    assert status == 403
    assert broker.stats().waiting == 1
    assert not broker.limits().paused
    assert not broker.limits().all_paused


def test_a_viewer_sees_the_pages_and_no_button(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site(), VIEWER)
    broker.enqueue(a_message("m1"))

    page = client.get("/mailbox?key=local:7", headers=HTML)

    assert page.status_code == 200
    assert "m1" in page.text
    assert "/act/" not in page.text
    assert client.get("/chat", headers=HTML).status_code == 403


def test_a_mailbox_says_that_it_waits_as_everything_is_paused(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))
    broker.pause()

    for path in ("/mailbox?key=local:7", "/users"):
        page = client.get(path, headers=HTML).text

        assert "Waits, as everything is paused" in page
        assert "Waits for a free thread" not in page


def test_what_destroys_asks_first_whatever_the_browser_did(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))
    asking = {name for name, action in ACTIONS.items() if action.question is not None}

    answers = {name: post(client, f"/act/{name}", key="local:7", id="m1") for name in sorted(asking)}

    assert asking == {"cancel", "cancel-mailbox", "discard", "discard-all", "pause-all", "requeue-all"}
    assert {status for status, _ in answers.values()} == {200}
    assert all('name="confirmed" value="yes"' in page for _, page in answers.values())
    assert broker.stats().waiting == 1
    assert not broker.limits().all_paused


def test_a_confirmed_cancel_is_done_told_and_written_down(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))

    _, page = post(client, "/act/cancel", id="m1", confirmed="yes")

    assert "Message m1 is cancelled." in page
    assert broker.stats().waiting == 0
    entry = broker.audit()[0]
    assert (entry.action, entry.target, entry.outcome) == ("cancel", "m1", "cancelled")
    assert entry.who.startswith("operator@web/")


def test_limits_are_set_checked_and_taken_away(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())

    _, said = post(client, "/act/limit", key="local:7", jobs_per_second="0,5", burst="2")
    own = broker.limits().overrides["local:7"]
    _, refused = post(client, "/act/limit", key="local:7", max_jobs_per_user="1.5")
    _, refused_too = post(client, "/act/limit", key="local:7", burst="nan")
    _, beyond = post(client, "/act/limit", key="local:7", max_jobs_per_user="1001")
    unchanged = broker.limits().overrides["local:7"]
    post(client, "/act/unlimit", key="local:7")

    assert "limits of its own" in said
    assert (own.jobs_per_second, own.burst, own.max_jobs_per_user) == (0.5, 2, None)
    assert "max_jobs_per_user should be a whole number" in refused
    assert "burst should be a number" in refused_too
    assert "max_jobs_per_user must be a number from 1 to 1,000" in beyond
    assert unchanged == own
    assert broker.limits().overrides == {}


@pytest.mark.parametrize("name", ["pause", "resume", "limit", "unlimit", "cancel-mailbox"])
def test_what_is_for_one_mailbox_is_never_done_to_all(open_site: Open, broker: MailboxBroker, name: str) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))
    before = broker.limits()

    _, said = post(client, f"/act/{name}", key=" ", burst="7", confirmed="yes")

    assert "no mailbox is named" in said
    assert broker.limits() == before
    assert broker.stats().waiting == 1


@pytest.mark.parametrize("show_texts", [False, True])
def test_a_message_s_text_is_shown_only_if_a_setting_allows_it(
    open_site: Open, broker: MailboxBroker, *, show_texts: bool
) -> None:
    client = log_in(open_site(show_texts=show_texts))
    broker.enqueue(a_message("m1"))

    pages = [client.get(path, headers=HTML).text for path in [*PAGES, "/message?id=m1"]]

    assert any(TEXT in page for page in pages) == show_texts


def test_what_a_user_is_called_is_no_markup(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    key = 'local:"><script>alert(1)</script>'
    broker.enqueue(a_message("<b>m1</b>", key))

    pages = [
        client.get(path, headers=HTML).text
        for path in ("/users", f"/mailbox?{urlencode({'key': key})}", f"/message?{urlencode({'id': '<b>m1</b>'})}")
    ]

    assert not [page for page in pages if "<script>alert" in page or "<b>m1" in page]


def test_who_looks_for_something_is_led_there(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    broker.enqueue(a_message("m1"))

    found = [client.get(f"/find?q={asked}", headers=HTML).headers["location"] for asked in ("m1", "local:7", "ada")]

    assert found == ["/message?id=m1", "/mailbox?key=local%3A7", "/users?q=ada"]


@pytest.mark.parametrize("path", ["/message?id=no-such", "/nowhere", "/static/nowhere.js", "/act/nothing"])
def test_what_is_not_there_is_told_and_harms_nobody(open_site: Open, path: str) -> None:
    assert log_in(open_site()).get(path, headers=HTML).status_code == 404


def test_what_is_told_fits_into_a_cookie_and_the_way_back_into_a_header(open_site: Open) -> None:
    client = log_in(open_site())

    answer = client.post(
        "/act/resume", data={"csrf": csrf(client), "key": "\N{SNOWMAN}" * 500, "back": "/" + "x" * 5000}
    )

    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert len(answer.headers["set-cookie"]) < 4096


def test_a_form_that_is_too_large_is_not_read(open_site: Open) -> None:
    client = log_in(open_site())

    answer = client.post("/act/pause", content=b"key=" + b"x" * MOST_FORM_BYTES)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("token", "header", "status"), [(OPERATOR, "", 403), (VIEWER, None, 403), (OPERATOR, None, 503)]
)
def test_a_photo_is_taken_from_an_operator_s_page_alone(
    open_site: Open, token: str, header: str | None, status: int
) -> None:
    client = log_in(open_site(), token)
    headers = {"x-csrf-token": csrf(client) if header is None else header}

    answer = client.post("/chat/photo", content=b'{"page": "0123456789abcdef", "user": "ada"}\nGIF89a', headers=headers)

    assert answer.status_code == status


def test_a_photo_that_is_too_large_is_not_read(open_site: Open) -> None:
    client = log_in(open_site())
    body = b"{}\n" + b"x" * (MOST_PHOTO_BYTES + MOST_FORM_BYTES)

    assert client.post("/chat/photo", content=body, headers={"x-csrf-token": csrf(client)}).status_code == 413


def test_a_store_that_is_away_is_told_on_the_page(open_site: Open) -> None:
    with a_server() as server:
        broker = MailboxBroker(server.url, middleware=[], client=True)
        client = log_in(open_site(of=broker))
        server.stop()

        page = client.get("/users", headers=HTML)
        health = client.get("/health")
        broker.close()

    assert page.status_code == 503
    assert "The store does not answer" in page.text
    assert (health.status_code, health.json()["ok"]) == (503, False)


def test_what_the_store_should_not_hold_is_told_on_the_page(open_site: Open, broker: MailboxBroker) -> None:
    client = log_in(open_site())
    broker.store.client.set(broker.store.key("audit"), "no list")

    answer = client.get("/audit", headers=HTML)

    assert (answer.status_code, "This cannot be shown" in answer.text, "</html>" in answer.text) == (502, True, True)


def test_the_overview_tells_how_the_gateway_fares(open_site: Open, broker: MailboxBroker) -> None:
    telegram = Telegram(bot_token="42:" + "x" * 35, api_id=1, api_hash="0" * 32)  # type: ignore[arg-type]  # pydantic takes a str
    client = log_in(open_site(telegram=telegram))
    nobody = client.get("/", headers=HTML).text

    broker.take_lease("telegram:42", "vm/7", ttl_ms=60_000)
    state = {"online": True, "bot": "okos_bot", "buffered": 3, "full": True, "held_chats": 2, "held_ms": 12_000}
    broker.write("telegram:42:state", json.dumps(state).encode(), ttl_ms=60_000)
    page = " ".join(re.sub(r"<[^>]+>", " ", client.get("/", headers=HTML).text).split())
    figures = client.get("/metrics").text

    assert "none runs" in nobody
    assert "Gateway connected Bot @okos_bot Runs as vm/7 Not taken in yet 3 updates full" in page
    assert "Flood waits 2 chats the longest for 12 s more" in page
    assert "okos_gateway_held_chats 2\n" in figures


def test_programs_may_ask_without_a_session(open_site: Open) -> None:
    client = open_site()

    assert client.get("/health").json() == {"ok": True, "reason": ""}
    assert client.get("/ready").status_code == 503
    assert "no worker is alive" in client.get("/ready").json()["reason"]
    assert client.get("/metrics").text.startswith("# HELP okos_")


def test_a_vendored_file_is_kept_for_ever_and_ours_is_asked_for_again(open_site: Open) -> None:
    client = open_site()

    kept = client.get("/static/vendor/htmx-2.0.11.min.js").headers["cache-control"]
    asked = client.get("/static/okos.css").headers["cache-control"]

    assert "immutable" in kept
    assert asked == "no-cache"


@pytest.mark.parametrize("state", [b"[1]", b"{", b"\xff"])
def test_what_somebody_made_up_breaks_no_page(open_site: Open, broker: MailboxBroker, state: bytes) -> None:
    broker.declare_queue("text")
    message = a_message("m1")
    message.args[0].update(sent_at_ms=10**18, reply_to="outbox.local.a")
    broker.enqueue(message)
    broker.write("telegram:42:state", state, ttl_ms=60_000)
    telegram = Telegram(bot_token="42:" + "x" * 35, api_id=1, api_hash="0" * 32)  # type: ignore[arg-type]  # pydantic takes a str
    client = log_in(open_site(telegram=telegram))

    answers = [client.get(path, headers=HTML) for path in ("/message?id=m1", "/", "/metrics")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]

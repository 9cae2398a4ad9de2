"""What the tests of the web share: an application on a real store, without a browser; and a whole system with one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright
from starlette.testclient import TestClient
from web_system import OPERATOR, VIEWER, System, a_system, chromium

from okos.mailbox import MailboxBroker
from okos.operate.overview import Watch
from okos.settings import Settings, Telegram, Web
from okos.web.access import Keyring, Role
from okos.web.app import build_app
from okos.web.site import Site, wall_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

#: Never needed: a busy machine with two cores may take seconds for what a page does at once.
PATIENCE_MS = 60_000


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    """Connect to the store of the session, in a namespace of this test's own."""
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def open_site(broker: MailboxBroker) -> Iterator[Callable[..., TestClient]]:
    """Serve the web in this process; a client that has not logged in."""
    opened: list[TestClient] = []

    def open_it(
        address: str = "http://127.0.0.1",
        *,
        of: MailboxBroker = broker,
        now_ms: Callable[[], int] = wall_ms,
        telegram: Telegram | None = None,
        **web: object,
    ) -> TestClient:
        settings = Settings(
            redis_url=of.url,
            namespace=of.namespace,
            web=Web(**web),  # type: ignore[arg-type]  # as given
            telegram=telegram or Telegram(),
        )
        keyring = Keyring({Role.OPERATOR: OPERATOR, Role.VIEWER: VIEWER})
        site = Site(settings=settings, broker=of, keyring=keyring, watch=Watch(of), now_ms=now_ms)
        client = TestClient(build_app(site), base_url=address, follow_redirects=False)
        opened.append(client)
        client.__enter__()
        return client

    yield open_it
    for client in opened:
        client.__exit__()


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """Run an Okos with workers, a model and users who write, and its web."""
    with a_system() as system:
        yield system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium, without a window; for one module, because its event loop turns on the main thread.

    Whoever came after it in this OS process and called `asyncio.run` would be refused.
    """
    path = chromium()
    if path is None:
        if os.environ.get("OKOS_REQUIRE_BROWSER") == "1":
            pytest.fail("there is no /usr/bin/chromium, and OKOS_REQUIRE_BROWSER forbids to go without")
        pytest.skip("there is no /usr/bin/chromium: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # As root it has no sandbox; what it loads is ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, system: System) -> Iterator[Callable[..., Page]]:
    """Open a page of the system, logged in; nothing but `but` may be refused, and no script may fail."""
    contexts = []
    complaints: list[str] = []

    def open_it(path: str = "/", *, token: str = OPERATOR, but: str = "no such status", **context: object) -> Page:
        contexts.append(browser.new_context(base_url=system.url, **context))  # type: ignore[arg-type]  # as given
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" and but not in said.text else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/login?next={path}#{token}")
        page.wait_for_url(lambda there: "/login" not in there)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []

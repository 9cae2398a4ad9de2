"""Every page for everybody: without eyes, without a mouse, in the dark, on a small screen, and without motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq
import pytest
from looking import disorder, faint, small, too_wide, unnamed, walked
from playwright.sync_api import expect
from real_server import eventually

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page
    from web_system import System

    Open = Callable[..., Page]

SCHEMES = ("light", "dark")
NARROW = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def pages(system: System) -> Iterator[dict[str, str]]:
    """Give something for every page to show: its address by its name."""
    broker = system.broker
    broker.pause("local:axel")
    waiting, *_ = system.say("axel", "one", "two", "three")
    broker.limit("local:axel", jobs_per_second=0.5, burst=2)
    dead, *_ = system.say("bea", "please refuse this")
    later: dramatiq.Message[None] = dramatiq.Message(
        "text", "text", ({},), {}, {"mailbox": "local:axel"}, message_id="later-" + "0123456789" * 4
    )
    broker.enqueue(later, delay=3_600_000)
    eventually(lambda: broker.failed(mailbox="local:bea"))
    yield {
        "overview": "/",
        "users": "/users",
        "mailbox": "/mailbox?key=local:axel",
        "idle mailbox": "/mailbox?key=local:nobody",
        "message": f"/message?id={dead}",
        "waiting message": f"/message?id={waiting}",
        "no message": f"/message?id={'0123456789' * 4}",
        "letters": "/dead",
        "letters by error": "/dead?by=error",
        "no letters": "/dead?mailbox=local:nobody",
        "schedule": "/schedule",
        "audit": "/audit",
        "settings": "/settings",
        "chat": "/chat",
        "nowhere": "/nowhere",
    }
    broker.cancel_mailbox("local:axel")
    broker.cancel(later.message_id)
    broker.limit("local:axel")
    broker.resume("local:axel")


def settled(page: Page, path: str) -> None:
    """Go to a page and wait until its scripts have made what they make."""
    page.goto(path)
    if path == "/":
        page.locator("#charts[data-drawn]").wait_for()
    if path == "/chat":
        expect(page.locator("#link")).to_have_text("Connected")


def wrong_with(page: Page) -> list[str]:
    return [*(f"without a name: {role}" for role in unnamed(page)), *faint(page), *small(page), *disorder(page)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_named_ordered_and_readable(open_page: Open, pages: dict[str, str], scheme: str) -> None:
    page = open_page("/", color_scheme=scheme, but="status of 404")

    wrong = {}
    for name, path in pages.items():
        settled(page, path)
        wrong[name] = wrong_with(page)

    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_login_and_what_it_says_are_too(browser: Browser, system: System, scheme: str) -> None:
    context = browser.new_context(base_url=system.url, color_scheme=scheme, viewport=NARROW)  # type: ignore[arg-type]  # a name
    page = context.new_page()
    page.goto("/login")
    before = wrong_with(page)
    page.get_by_label("Token").fill("not the token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_load_state()

    assert (before, wrong_with(page), too_wide(page)) == ([], [], 0)
    assert walked(page) == []
    context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_question_is_named_and_readable(open_page: Open, pages: dict[str, str], scheme: str) -> None:
    page = open_page(pages["mailbox"], color_scheme=scheme, viewport=NARROW)

    page.get_by_role("button", name="Cancel all").click()
    expect(page.get_by_role("dialog", name="Cancel all")).to_be_visible()
    wrong = wrong_with(page)
    page.keyboard.press("Escape")
    # as it is asked where no script runs
    page.evaluate("document.querySelector('#cancel-all').form.submit()")
    expect(page.get_by_role("link", name="Keep as it is")).to_be_visible()

    assert (wrong, wrong_with(page), too_wide(page), walked(page)) == ([], [], 0, [])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_is_wider_than_the_narrowest_phone(open_page: Open, pages: dict[str, str], scheme: str) -> None:
    page = open_page("/", color_scheme=scheme, viewport=NARROW, but="status of 404")

    found = {}
    for name, path in pages.items():
        settled(page, path)
        found[name] = (too_wide(page), wrong_with(page))

    assert {name: wrong for name, wrong in found.items() if wrong != (0, [])} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_is_reached_by_keyboard_and_shows_that_it_is(
    open_page: Open, pages: dict[str, str], scheme: str
) -> None:
    page = open_page("/", color_scheme=scheme, but="status of 404")

    wrong = {}
    for name, path in pages.items():
        settled(page, path)
        wrong[name] = walked(page)

    assert {name: found for name, found in wrong.items() if found} == {}


def test_nothing_moves_for_who_wants_no_motion(open_page: Open, pages: dict[str, str]) -> None:
    page = open_page("/", reduced_motion="reduce", but="status of 404")

    for path in pages.values():
        settled(page, path)
        assert page.evaluate("document.getAnimations().map((one) => one.animationName)") == [], path


def test_what_changes_by_itself_is_told_politely_and_not_all_the_time(open_page: Open, pages: dict[str, str]) -> None:
    page = open_page("/", but="status of 404")
    for path in pages.values():
        settled(page, path)
        live = page.evaluate(
            """[...document.querySelectorAll('[aria-live], [role=status], [role=log], [role=alert], output')]
               .filter((node) => node.querySelector('.tile, table, [data-latest]')).map((node) => node.id)"""
        )
        assert live == [], path


def test_who_reads_slowly_holds_the_page_still(open_page: Open, system: System) -> None:
    system.broker.pause("local:elsa")
    system.say("elsa", "one")
    page = open_page("/mailbox?key=local:elsa")
    overview = open_page("/")
    for one in (page, overview):
        one.get_by_role("button", name="Hold still").click()
        expect(one.get_by_role("button", name="Hold still")).to_have_attribute("aria-pressed", "true")
    before = overview.locator("#tile-waiting").inner_text()

    system.say("elsa", "two", "three")
    with page.expect_response(lambda answer: "/mailbox" in answer.url):
        pass
    with page.expect_response(lambda answer: "/mailbox" in answer.url):
        pass
    assert page.locator("#length").inner_text() == "1"
    assert overview.locator("#tile-waiting").inner_text() == before

    for one in (page, overview):
        one.get_by_role("button", name="Hold still").click()
    expect(page.locator("#length")).to_have_text("3")
    eventually(lambda: overview.locator("#tile-waiting").inner_text() == str(system.broker.stats().waiting))
    system.broker.cancel_mailbox("local:elsa")
    system.broker.resume("local:elsa")


def tab_to(page: Page, name: str | re.Pattern[str], role: str = "button") -> None:
    """Press Tab until something has the focus, as somebody without a mouse does."""
    wanted = page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]  # a role
    expect(wanted).to_be_visible()
    for _ in range(300):
        if wanted.evaluate("(node) => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no Tab leads to {name}")


def test_a_mailbox_is_paused_limited_emptied_and_resumed_without_a_mouse(open_page: Open, system: System) -> None:
    system.broker.pause("local:cora")
    first, *_ = system.say("cora", "one", "two", "three")
    page = open_page("/users")

    tab_to(page, "local:cora", "link")
    page.keyboard.press("Enter")
    tab_to(page, "Starts a second", "textbox")
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("has limits of its own")
    tab_to(page, "Take its own away")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("everybody's limits again")
    tab_to(page, f"Cancel message {first}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep as it is")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"Message {first} is cancelled.")
    tab_to(page, "Cancel all")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_contain_text("2 messages cancelled")
    tab_to(page, "Resume")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("goes on")

    assert system.broker.mailbox("local:cora").length == 0


def test_dead_letters_are_chosen_and_deleted_without_a_mouse(open_page: Open, system: System) -> None:
    system.say("dora", "please refuse this")
    eventually(lambda: system.broker.failed(mailbox="local:dora"))
    [letter] = system.broker.failed(mailbox="local:dora")
    page = open_page("/dead?mailbox=local:dora")

    tab_to(page, f"Select {letter.id}", "checkbox")
    page.keyboard.press("Space")
    expect(page.locator("#selected")).to_have_text("1 selected")
    tab_to(page, "Delete selected")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("1 dead letter deleted")
    assert not system.broker.failed(mailbox="local:dora")


def test_one_talks_adds_and_closes_without_a_mouse_and_is_told_what_is_answered(open_page: Open) -> None:
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    tab_to(page, "Add a user")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message of dev")).to_be_focused()
    page.keyboard.type("What is the capital of Peru?")
    page.keyboard.press("Enter")
    log = page.get_by_role("log", name="Chat of dev")
    # what grows is not read out piece by piece, and the whole is
    expect(log.locator(".theirs:not([aria-hidden=true])")).to_contain_text("the City of Kings.")
    expect(log.locator("[aria-hidden=true]")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    for _ in range(12):
        if page.evaluate("document.activeElement.hasAttribute('data-close')"):
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")

    expect(page.locator("[data-user=dev]")).to_have_count(0)
    expect(page.get_by_role("button", name="Add a user")).to_be_focused()


def test_after_a_deed_the_focus_is_where_it_was(open_page: Open, pages: dict[str, str]) -> None:
    page = open_page(pages["mailbox"])

    with page.expect_response(lambda answer: "/mailbox" in answer.url):
        tab_to(page, "Cancel all")

    expect(page.get_by_role("button", name="Cancel all")).to_be_focused()

"""The pages and their actions in a real Chromium, on a system that works: real workers, a model, users who write.

Messages and dead letters are in `test_web_browser_letters`, the page Chat is in `test_web_browser_chat`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from looking import sure
from playwright.sync_api import expect
from real_server import eventually
from web_system import VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from web_system import System

    Open = Callable[..., Page]

PAGES = {
    "/": "Overview",
    "/users": "Users",
    "/dead": "Dead letters",
    "/schedule": "Schedule",
    "/audit": "Audit",
    "/settings": "Settings in force",
    "/chat": "Chat",
}
PHONE = {"width": 390, "height": 844}


def test_the_address_that_is_printed_logs_in_and_forgets_the_token(open_page: Open) -> None:
    page = open_page("/")

    expect(page).to_have_title("Overview · Okos")
    assert "#" not in page.url


def test_the_overview_moves_by_itself(open_page: Open, system: System) -> None:
    system.broker.pause("local:waiter")
    page = open_page("/")
    before = system.broker.stats().waiting

    system.say("waiter", "one", "two", "three")

    eventually(lambda: system.broker.stats().waiting >= before + 3)
    eventually(lambda: page.locator("#tile-waiting").inner_text() == str(system.broker.stats().waiting))
    expect(page.get_by_role("region", name="Workers").or_(page.locator("section", has_text="Workers"))).to_contain_text(
        "of 8"
    )
    system.broker.cancel_mailbox("local:waiter")
    system.broker.resume("local:waiter")


def test_the_charts_are_drawn_for_each_span(open_page: Open) -> None:
    page = open_page("/")

    for span in ("Hour", "Day", "Week"):
        page.get_by_role("button", name=span).click()
        expect(page.locator("#charts")).to_have_attribute("data-drawn", span.lower())
        expect(page.get_by_role("button", name=span)).to_have_attribute("aria-pressed", "true")

    expect(page.locator("#charts canvas")).to_have_count(7)
    expect(page.get_by_role("img", name=re.compile("Now: waiting"))).to_be_visible()


def test_everything_is_paused_after_a_question_and_resumed(open_page: Open, system: System) -> None:
    page = open_page("/")

    page.get_by_role("button", name="Pause all").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep as it is").click()
    assert not system.broker.limits().all_paused

    page.get_by_role("button", name="Pause all").click()
    sure(page, "Pause all")

    expect(page.get_by_role("status")).to_contain_text("Everything is paused.")
    expect(page.locator("#verdict")).to_contain_text("Everything is paused")
    page.get_by_role("button", name="Resume all").click()
    expect(page.get_by_role("status")).to_contain_text("Everything goes on.")
    assert not system.broker.limits().all_paused


def test_a_user_who_waits_is_found_and_why(open_page: Open, system: System) -> None:
    system.broker.pause("local:noor")
    system.say("noor", "one", "two")
    page = open_page("/users")

    page.get_by_label("Part of a mailbox's name").fill("noor")
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row", name=re.compile("local:noor"))
    expect(row).to_contain_text("Paused by an operator")
    row.get_by_role("link", name="local:noor").click()

    expect(page.get_by_role("heading", name="local:noor")).to_be_visible()
    expect(page.locator("#length")).to_have_text("2")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("goes on")
    expect(page.locator("#length")).to_have_text("0")
    expect(page.locator("main")).to_contain_text("The mailbox is empty")


def test_the_list_of_users_moves_by_itself(open_page: Open, system: System) -> None:
    system.broker.pause("local:sven")
    system.say("sven", "one")
    page = open_page("/users?q=local:sven")
    row = page.get_by_role("row", name=re.compile("local:sven"))
    expect(row).to_contain_text("paused")
    expect(row.get_by_role("cell").first).to_have_text("1")

    system.say("sven", "two")

    expect(row.get_by_role("cell").first).to_have_text("2")
    system.broker.cancel_mailbox("local:sven")
    system.broker.resume("local:sven")


def test_one_message_and_then_all_of_a_mailbox_are_cancelled(open_page: Open, system: System) -> None:
    system.broker.pause("local:olga")
    first, *_ = system.say("olga", "one", "two", "three")
    page = open_page("/mailbox?key=local:olga")

    page.get_by_role("button", name=f"Cancel message {first}").click()
    sure(page, "Cancel")
    expect(page.get_by_role("status")).to_contain_text(f"Message {first} is cancelled.")
    expect(page.locator("#length")).to_have_text("2")

    page.get_by_role("button", name="Cancel all").click()
    sure(page, "Cancel all")
    expect(page.get_by_role("status")).to_contain_text("2 messages cancelled")
    expect(page.locator("#length")).to_have_text("0")
    system.broker.resume("local:olga")


def test_a_running_message_is_stopped(open_page: Open, system: System) -> None:
    [hanging] = system.say("pia", "please hang")
    page = open_page("/mailbox?key=local:pia")
    expect(page.locator("main")).to_contain_text("lease ends in")

    page.get_by_role("button", name=f"Cancel message {hanging}").click()
    sure(page, "Cancel")

    expect(page.get_by_role("status")).to_contain_text("it is being stopped")
    expect(page.locator("#length")).to_have_text("0")


def test_a_mailbox_gets_limits_of_its_own_and_loses_them(open_page: Open, system: System) -> None:
    page = open_page("/mailbox?key=local:quinn")

    page.get_by_label("Starts a second").fill("0.5")
    page.get_by_label("Burst").fill("2")
    page.get_by_role("button", name="Set limits").click()

    expect(page.get_by_role("status")).to_contain_text("has limits of its own")
    expect(page.locator("main")).to_contain_text("0.5 a second, 2 at once")
    page.get_by_role("button", name="Take its own away").click()
    expect(page.get_by_role("status")).to_contain_text("everybody's limits again")
    assert "local:quinn" not in system.broker.limits().overrides


def test_what_is_typed_is_not_swept_away_by_what_moves(open_page: Open) -> None:
    page = open_page("/mailbox?key=local:rosa")

    with page.expect_response(lambda answer: "/mailbox" in answer.url):
        page.get_by_label("Starts a second").fill("0.25")

    expect(page.get_by_label("Starts a second")).to_have_value("0.25")


def test_what_was_done_is_in_the_audit(open_page: Open) -> None:
    page = open_page("/mailbox?key=local:yuri")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_contain_text("goes on")

    page.get_by_role("link", name="Audit").click()

    expect(page.get_by_role("row", name=re.compile("resume local:yuri goes on"))).to_be_visible()


def test_a_viewer_looks_and_finds_nothing_to_press(open_page: Open) -> None:
    page = open_page("/", token=VIEWER)

    expect(page.locator("#verdict-text")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Pause|Cancel|Requeue"))).to_have_count(0)
    expect(page.get_by_role("link", name="Chat")).to_have_count(0)


def test_a_link_keeps_the_focus_while_its_part_is_shown_anew(open_page: Open) -> None:
    page = open_page("/")
    link = page.locator("#content").get_by_role("link", name="Dead letters")
    link.focus()

    page.evaluate("""() => new Promise((shown) => {
      let left = 2;
      document.addEventListener("htmx:sseMessage", () => --left || requestAnimationFrame(shown));
    })""")

    expect(link).to_be_focused()


def test_by_keyboard_one_gets_to_the_content_and_out_of_a_question(open_page: Open) -> None:
    page = open_page("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Hold still")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause all")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep as it is")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause all")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_names_what_it_holds(open_page: Open, scheme: str) -> None:
    page = open_page("/", viewport=PHONE, color_scheme=scheme)

    for path, title in PAGES.items():
        page.goto(path)
        expect(page.get_by_role("heading", name=title, level=1)).to_have_count(1)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, path
        unnamed = page.evaluate(
            """[...document.querySelectorAll('button, a[href], input:not([type=hidden], [hidden]), select, textarea')]
               .filter((node) => !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
               .map((node) => node.outerHTML)"""
        )
        assert unnamed == [], path

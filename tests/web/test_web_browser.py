"""Every page and every action in a real Chromium, on a system that works: real workers, a model, users who write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
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


def sure(page: Page, button: str) -> None:
    """Answer the question that is asked."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=button).click()


def a_dead_letter(system: System, user: str) -> str:
    """Have a message refused by the model."""
    [message_id] = system.say(user, "please refuse this")
    eventually(lambda: system.broker.failed(mailbox=f"local:{user}"))
    return message_id


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
    expect(page.locator("#tile-waiting")).to_have_text(str(system.broker.stats().waiting))
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

    expect(page.locator("#charts canvas")).to_have_count(4)
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


def test_a_message_shows_what_happened_to_it(open_page: Open, system: System) -> None:
    message_id = a_dead_letter(system, "sara")
    page = open_page(f"/message?id={message_id}")

    expect(page.get_by_role("heading", name=message_id)).to_be_visible()
    timeline = page.get_by_role("region", name="What happened")
    expect(timeline).to_contain_text(re.compile("published", re.IGNORECASE))
    expect(timeline).to_contain_text("Became a dead letter")
    expect(timeline).to_contain_text("Attempt 1 failed, given up", timeout=20_000)  # with its worker's next heartbeat
    expect(page.locator("main")).to_contain_text("this model does not take images")
    expect(page.locator("main")).not_to_contain_text("please refuse this")
    page.get_by_text("Traceback", exact=True).click()
    expect(page.locator("pre").first).to_contain_text("ModelRefused")


def test_dead_letters_are_searched_and_grouped(open_page: Open, system: System) -> None:
    for user in ("tom", "uma"):
        a_dead_letter(system, user)
    page = open_page("/dead")

    page.get_by_label("Mailbox", exact=True).fill("local:tom")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="local:tom")).to_be_visible()
    expect(page.get_by_role("link", name="local:uma")).to_have_count(0)

    page.get_by_label("Error holds").fill("no such error")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main")).to_contain_text("None like this")

    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="By error").click()
    row = page.get_by_role("row", name=re.compile("does not take images"))
    expect(row).to_contain_text("text")
    row.get_by_role("link", name="Show them").click()
    expect(page.get_by_role("link", name="local:uma")).to_be_visible()


def test_selected_dead_letters_are_requeued_and_deleted(open_page: Open, system: System) -> None:
    first, second = a_dead_letter(system, "vera"), a_dead_letter(system, "will")
    page = open_page("/dead")

    page.get_by_label(f"Select {first}").check()
    expect(page.locator("#selected")).to_have_text("1 selected")
    page.get_by_role("button", name="Requeue selected").click()
    expect(page.get_by_role("status").first).to_contain_text("1 dead letter requeued")

    page.get_by_label(f"Select {second}").check()
    page.get_by_role("button", name="Delete selected").click()
    sure(page, "Delete selected")
    expect(page.get_by_role("status").first).to_contain_text("1 dead letter deleted")
    assert not system.broker.failed(mailbox="local:will")


def test_all_dead_letters_that_fit_are_requeued(open_page: Open, system: System) -> None:
    a_dead_letter(system, "xena")
    accepted = system.broker.stats().requeued
    page = open_page("/dead?mailbox=local:xena")

    page.get_by_role("button", name="Requeue all that fit").click()
    expect(page.get_by_role("dialog")).to_contain_text("local:xena")
    sure(page, "Requeue all that fit")

    expect(page.get_by_role("status").first).to_contain_text("1 dead letter requeued")
    assert system.broker.stats().requeued == accepted + 1


def test_several_users_talk_at_once_and_see_their_answers_grow(open_page: Open) -> None:
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_label("Message of ada").fill("How long is the coast of Norway?")
    page.get_by_label("Message of ada").press("Enter")
    page.get_by_label("Message of ben").fill("What is the capital of Peru?")
    page.get_by_label("Message of ben").press("Enter")

    expect(page.locator("[data-user=ada] .draft")).to_be_visible()
    expect(page.get_by_role("log", name="Chat of ada")).to_contain_text("every fjord and island.")
    expect(page.get_by_role("log", name="Chat of ben")).to_contain_text("the City of Kings.")
    expect(page.get_by_role("log", name="Chat of cleo")).to_be_empty()
    expect(page.locator("[data-user=ada] [data-state]")).to_have_text("idle")
    expect(page.locator(".draft")).to_have_count(0)


def test_everybody_talks_at_once_and_a_user_is_added(open_page: Open) -> None:
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_role("button", name="Add a user").click()
    expect(page.get_by_label("Message of dev")).to_be_focused()
    page.get_by_label("A message from everybody").fill("Good morning!")
    page.get_by_role("button", name="Send as all").click()

    for user in ("ada", "ben", "cleo", "dev"):
        expect(page.get_by_role("log", name=f"Chat of {user}")).to_contain_text("What can I do for you?")


def test_who_is_told_no_sees_why(open_page: Open, system: System) -> None:
    system.broker.pause("local:ada")
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_label("Message of ada").fill("please refuse this")
    page.get_by_label("Message of ada").press("Enter")
    expect(page.locator("[data-user=ada] [data-state]")).to_have_text("1 waiting")
    system.broker.resume("local:ada")

    expect(page.locator("[data-user=ada] .failed")).to_contain_text("Sorry")


def test_what_was_done_is_in_the_audit(open_page: Open) -> None:
    page = open_page("/mailbox?key=local:yuri")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()

    page.get_by_role("link", name="Audit").click()

    expect(page.get_by_role("row", name=re.compile("resume local:yuri goes on"))).to_be_visible()


def test_a_viewer_looks_and_finds_nothing_to_press(open_page: Open) -> None:
    page = open_page("/", token=VIEWER)

    expect(page.locator("#verdict-text")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Pause|Cancel|Requeue"))).to_have_count(0)
    expect(page.get_by_role("link", name="Chat")).to_have_count(0)


def test_by_keyboard_one_gets_to_the_content_and_out_of_a_question(open_page: Open) -> None:
    page = open_page("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
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
            """[...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
               .filter((node) => !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
               .map((node) => node.outerHTML)"""
        )
        assert unnamed == [], path

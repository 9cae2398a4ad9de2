"""Messages and dead letters in a real Chromium: what happened to one, and what an operator does with those given up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from looking import sure
from playwright.sync_api import expect
from real_server import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from web_system import System

    Open = Callable[..., Page]


def a_dead_letter(system: System, user: str) -> str:
    """Have a message refused by the model."""
    [message_id] = system.say(user, "please refuse this")
    eventually(lambda: system.broker.failed(mailbox=f"local:{user}"))
    return message_id


def test_a_message_shows_what_happened_to_it(open_page: Open, system: System) -> None:
    message_id = a_dead_letter(system, "sara")
    page = open_page(f"/message?id={message_id}")

    expect(page.get_by_role("heading", name=message_id)).to_be_visible()
    timeline = page.get_by_role("region", name="What happened")
    expect(timeline).to_contain_text(re.compile("published", re.IGNORECASE))
    expect(timeline).to_contain_text("Became a dead letter")
    expect(timeline).to_contain_text("Attempt 1 failed, given up")  # with its worker's next heartbeat
    expect(page.locator("main")).to_contain_text("this model does not take images")
    expect(page.locator("main")).not_to_contain_text("please refuse this")
    page.get_by_text("Traceback", exact=True).click()
    expect(page.locator("pre").first).to_contain_text("ModelRefused")


def test_a_message_that_was_answered_shows_its_whole_road(open_page: Open, system: System) -> None:
    [message_id] = system.say("tara", "What is the capital of Peru?")
    eventually(lambda: system.is_answered(message_id))
    page = open_page(f"/message?id={message_id}")

    timeline = page.get_by_role("region", name="What happened")
    expect(timeline).to_contain_text("Answer handed to its client")
    said = timeline.get_by_role("listitem").all_inner_texts()
    road = ["Received by a local client", "Published", "Attempt 1 claimed", "Completed", "Answer handed to its client"]
    assert [step.startswith(begins) for step, begins in zip(said, road, strict=True)] == [True] * len(road)
    timeline.get_by_role("link", name="Answer handed").click()
    expect(page.locator("main")).to_contain_text("outbox.local.")
    expect(page.locator("main")).not_to_contain_text("City of Kings")


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


def test_the_dead_letters_of_one_error_are_deleted_and_others_stay(open_page: Open, system: System) -> None:
    kept = a_dead_letter(system, "nils")
    system.say("omar", "use up the quota")
    eventually(lambda: system.broker.failed(mailbox="local:omar"))
    page = open_page("/dead?by=error&mailbox=local:omar")

    row = page.get_by_role("row", name=re.compile("quota"))
    row.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("the quota of this month is used up")
    sure(page, "Delete")

    expect(page.get_by_role("status").first).to_contain_text("1 dead letter deleted")
    assert not system.broker.failed(mailbox="local:omar")
    assert [one.id for one in system.broker.failed(mailbox="local:nils")] == [kept]


def test_all_dead_letters_that_fit_are_deleted(open_page: Open, system: System) -> None:
    a_dead_letter(system, "petra")
    page = open_page("/dead?mailbox=local:petra")

    page.get_by_role("button", name="Delete all that fit").click()
    sure(page, "Delete all that fit")

    expect(page.get_by_role("status").first).to_contain_text("1 dead letter deleted")
    expect(page.locator("main")).to_contain_text("None like this")

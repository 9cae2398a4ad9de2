"""An edit of a preview that Telegram does late: the chat ends with the answer, once, whatever was between."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datacentre import DataCentre, Fault, User  # noqa: TC002 - with_a_centre looks at annotations
from delivering import (
    a_gateway_process,
    answering,
    fast_settings,
    free_lease,
    kept_of_previews,
    kill,
    without_drafts,
)
from gateway_running import a_gateway, ready, until, with_a_centre
from test_preview_shown import Pen, seen

from okos.telegram.address import Address
from okos.telegram.control import HELP_TEXT
from okos.telegram.ledger import Ledger, Shown

if TYPE_CHECKING:
    from pathlib import Path

    from okos.mailbox import MailboxBroker

SEND, EDIT, DELETE = "messages.SendMessage", "messages.EditMessage", "messages.DeleteMessages"
_AT_ALICES = Address(kind="user", id=7, access_hash=3, message=1, topic=None, quotes=False)
#: What is shown first, what it is changed into late, and the answer.
FIRST, LATE, ANSWER = "re:", "re: que", "re: question 1."


def says(text: str) -> Any:  # Any: asked of generated queries
    """Tell the calls that say a text."""
    return lambda query: query.message == text


async def held_edit(dc: DataCentre, user: User, pen: Pen) -> Fault:
    """Let a first preview be shown, and Telegram keep the edit that follows."""
    dc.says(user, "question 1.")
    pen.text = FIRST
    await dc.until(lambda: dc.answers(user) == [FIRST])
    held = dc.hold(EDIT, fits=says(LATE))
    pen.text = LATE
    await until(lambda: held.met)
    return held


async def done_late(dc: DataCentre, held: Fault) -> None:
    """Let Telegram do what it kept."""
    dc.let_go(held)
    await dc.until(lambda: held.answered)


@pytest.mark.parametrize("trouble", ["flood", "dropped", "lost", "ours"])
@with_a_centre
async def test_a_doubt_outlives_an_attempt_at_the_answer_that_comes_to_nothing(
    dc: DataCentre, url: str, namespace: str, trouble: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            held = await held_edit(dc, alice, pen)
            dc.cut_connections()  # nobody knows what becomes of the edit
            met = _trouble(dc, trouble)
            pen.ends.set()
            await until(lambda: met.met)
            await dc.until(lambda: dc.answers(alice) == [ANSWER])
            await done_late(dc, held)
            await until(lambda: kept_of_previews(broker, dc) == [])
    assert dc.answers(alice) == [ANSWER]
    assert dc.violations() == []


def _trouble(dc: DataCentre, trouble: str) -> Fault:
    match trouble:
        case "flood":
            return dc.fail(DELETE, 420, "FLOOD_WAIT_1")
        case "dropped":
            return dc.drop(DELETE)
        case "lost":
            return dc.lose_answer(DELETE)
        case _:
            return dc.fail(SEND, 420, "FLOOD_WAIT_1", fits=says(ANSWER))


@with_a_centre
async def test_a_doubt_outlives_a_gateway_that_is_killed_after_its_attempt(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace, pen) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            held = await held_edit(dc, alice, pen)
            dc.cut_connections()
            postponed = dc.fail(DELETE, 420, "FLOOD_WAIT_2")
            pen.ends.set()
            await until(lambda: postponed.met)
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: dc.answers(alice) == [ANSWER])
            await done_late(dc, held)
    assert dc.answers(alice) == [ANSWER]
    assert dc.violations() == []


@pytest.mark.parametrize("end", ["killed", "stopped"])
@with_a_centre
async def test_an_edit_that_was_under_way_when_its_gateway_ended_does_not_overwrite_the_answer_of_the_next(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path, end: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace, pen) as broker:
        if end == "killed":
            with a_gateway_process(settings, tmp_path) as gateway:
                await ready(dc)
                held = await held_edit(dc, alice, pen)
                kill(gateway)
            free_lease(broker, dc)
        else:
            async with a_gateway(settings) as running:
                await ready(dc, running)
                held = await held_edit(dc, alice, pen)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == [ANSWER])
            await done_late(dc, held)
    assert dc.answers(alice) == [ANSWER]
    assert dc.violations() == []


@with_a_centre
async def test_a_preview_whose_edits_were_all_answered_becomes_the_answer_of_the_next_gateway(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace, pen) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            held = await held_edit(dc, alice, pen)
            await done_late(dc, held)
            (preview,) = seen(dc, alice)
            await until(lambda: not _is_in_doubt(broker, dc))
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == [ANSWER])
    assert preview.text == ANSWER
    assert len(dc.record.of("said")) == 1
    assert dc.violations() == []


def _is_in_doubt(broker: MailboxBroker, dc: DataCentre) -> bool:
    listed = kept_of_previews(broker, dc)
    kept = [json.loads(broker.read(f"telegram:{dc.bot.id}:shown:{name}") or b"{}") for name in listed]
    return any(one["doubtful"] for one in kept)


@with_a_centre
async def test_a_doubtful_preview_that_may_not_be_deleted_becomes_the_answer_for_good(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    text = "re: question 1. " + "word " * 1_000 + "the end."
    pen.answer = [text]
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            held = await held_edit(dc, alice, pen)
            dc.cut_connections()
            dc.fail(DELETE, 400, "MESSAGE_DELETE_FORBIDDEN")
            # The second attempt could delete it: what the first one has made of it must stay.
            dc.fail(SEND, 420, "FLOOD_WAIT_1", fits=lambda query: query.message.endswith("the end."))
            pen.ends.set()
            await dc.until(lambda: " ".join(dc.answers(alice)) == text)
    assert held.met == 1
    assert dc.record.counts()[DELETE] == 1


@with_a_centre
async def test_a_turn_that_is_stopped_while_an_edit_is_under_way_leaves_no_preview(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            held = await held_edit(dc, alice, pen)
            dc.says(alice, "/stop")
            await dc.until(lambda: "Stopped." in dc.answers(alice))
            await done_late(dc, held)
            await dc.until(lambda: dc.answers(alice) == ["Stopped."])
            await until(lambda: kept_of_previews(broker, dc) == [])


@with_a_centre
async def test_a_preview_that_may_not_be_taken_away_is_tried_once(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    dc.fail(DELETE, 400, "MESSAGE_DELETE_FORBIDDEN", times=None)
    pen.text = FIRST
    with answering(url, namespace, pen) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice) == [FIRST])
            dc.says(alice, "/stop")
            await until(lambda: dc.record.counts()[DELETE])
            await until(lambda: kept_of_previews(broker, dc) == [])
    assert dc.record.counts()[DELETE] == 1


def test_a_preview_that_was_noted_without_its_doubt_is_taken_for_doubtful(url: str, namespace: str) -> None:
    shown = Shown(address=_AT_ALICES, mailbox="telegram:7", name=1)
    with answering(url, namespace, works=False) as broker:
        ledger = Ledger(broker, bot_id=1)
        for message in (None, 5):
            ledger.write_shown("tg:1", replace(shown, message=message))
            name = "telegram:1:shown:tg:1"
            fields = json.loads(broker.read(name) or b"{}")
            del fields["doubtful"]
            broker.write(name, json.dumps(fields).encode(), ttl_ms=60_000)
            # What was not told its message was not edited either.
            assert ledger.shown("tg:1") == replace(shown, message=message, doubtful=message is not None)


@with_a_centre
async def test_stopping_what_waits_does_not_forget_the_doubt_about_an_answer_on_its_way(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            late = await held_edit(dc, alice, pen)
            ahead = await _stop_behind_help(dc, broker, alice, pen)
            dc.let_go(ahead)
            await dc.until(lambda: ANSWER in dc.answers(alice))
            await done_late(dc, late)
            await dc.until(lambda: len(dc.answers(alice)) == 3)
    assert sorted(dc.answers(alice)) == sorted([HELP_TEXT, ANSWER, "There was nothing to stop."])


@with_a_centre
async def test_stopping_what_waits_does_not_forget_that_a_first_preview_is_under_way(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            # Said at once, and told so late: what the gateway then notes must not be taken for a preview left behind.
            slow = dc.hold(SEND, done=True, fits=says(FIRST))
            pen.text = FIRST
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice) == [FIRST])
            ahead = await _stop_behind_help(dc, broker, alice, pen)
            dc.let_go(ahead)
            await dc.until(lambda: HELP_TEXT in dc.answers(alice))
            dc.let_go(slow)
            await until(lambda: slow.answered)
            await dc.until(lambda: len(dc.answers(alice)) == 3)
            await until(lambda: broker.stats().waiting + broker.stats().running == 0)
            await asyncio.sleep(0.1)
            assert kept_of_previews(broker, dc) == []
    assert sorted(dc.answers(alice)) == sorted([HELP_TEXT, ANSWER, "There was nothing to stop."])


async def _stop_behind_help(dc: DataCentre, broker: MailboxBroker, user: User, pen: Pen) -> Fault:
    """End the turn with another reply before its own, and say /stop while both are on their way; gives what is held."""
    ahead = dc.hold(SEND, fits=says(HELP_TEXT))
    dc.says(user, "/help")
    await until(lambda: ahead.met)
    outbox = f"outbox.telegram.{user.id}"
    pen.ends.set()
    await until(lambda: broker.mailbox(outbox).length == 2)
    dc.says(user, "/stop")
    await until(lambda: broker.mailbox(outbox).length == 3)
    return ahead

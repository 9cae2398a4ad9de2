"""Streaming: a message that grows and becomes the answer; never a second one, never one that is left half done."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from datacentre import DataCentre, Message, User  # noqa: TC002 - with_a_centre looks at annotations
from delivering import (
    Turn,
    a_gateway_process,
    an_envelope,
    answering,
    fast_settings,
    free_lease,
    kept_of_previews,
    kill,
    without_drafts,
)
from gateway_running import a_client, a_gateway, ready, until, with_a_centre
from real_server import a_server
from structlog.testing import capture_logs

from okos.telegram.address import Address
from okos.telegram.client import monotonic_ms
from okos.telegram.ledger import Ledger, Shown
from okos.telegram.markup import Marked
from okos.telegram.pace import Pace
from okos.telegram.preview import Previews
from okos.telegram.sender import DRAFTS, Sender

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from okos.mailbox import MailboxBroker

SEND, EDIT = "messages.SendMessage", "messages.EditMessage"


class Pen:
    """An answer that is written as far as the test says, and then ends as the test says."""

    def __init__(self) -> None:
        self.text = ""
        self.attempts: list[int] = []
        self.ends = threading.Event()
        self.answer: list[str] | None = None

    def __call__(self, turn: Turn) -> list[str]:
        """Answer: show what is written, until it ends."""
        self.attempts.append(turn.attempt)
        while not self.ends.wait(0.02):
            if self.text:
                turn.show(self.text)
        return [f"re: {turn.text}"] if self.answer is None else self.answer


def seen(dc: DataCentre, user: User) -> list[Message]:
    """Give what a person sees of the bot."""
    return [message for message in dc.visible(user) if message.out]


async def _shown(dc: DataCentre, user: User, text: str | None = None) -> None:
    await dc.until(lambda: dc.answers(user) == [text] if text else dc.answers(user))


@with_a_centre
async def test_a_preview_grows_and_becomes_the_answer(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    pen.answer = ["re: **question 1.**"]
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            for text in ("re:", "re: que", "re: quest"):
                pen.text = text
                await _shown(dc, alice, text)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            (answer,) = seen(dc, alice)
            assert [entity.kind for entity in answer.entities] == ["Bold"]
            await asyncio.sleep(0.2)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 1


@with_a_centre
async def test_previews_are_no_more_frequent_than_they_may_be(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    group = dc.add_group("Group", [alice])
    settings = fast_settings(dc, url, namespace, group_preview_ms=400, groups="all")
    written = asyncio.create_task(_write(pen))
    with answering(url, namespace, pen):
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(group, "question 1.", by=alice)
            await until(lambda: dc.record.counts()[EDIT] >= 3)
            pen.ends.set()
            await dc.until(lambda: dc.answers(group) == ["re: question 1."])
    written.cancel()
    shown = [call.at_s for call in dc.record.calls if call.name in {SEND, EDIT}][:-1]
    assert min(later - earlier for earlier, later in pairwise(shown)) >= 0.35
    assert dc.violations() == []


async def _write(pen: Pen) -> None:
    for number in range(10_000):
        pen.text = f"re: {number}"
        await asyncio.sleep(0.02)


@with_a_centre
async def test_a_preview_never_stands_above_an_earlier_answer(dc: DataCentre, url: str, namespace: str) -> None:
    alice, shown = dc.add_user("Alice"), threading.Event()
    without_drafts(dc)

    def answer(turn: Turn) -> list[str]:
        # The first until it is seen; of the others some are, and some come too late.
        while not shown.is_set():
            turn.show(f"re: {turn.text[:-2]}")
            shown.wait(0.03)
        for _ in range(4):
            turn.show(f"re: {turn.text[:-2]}")
            time.sleep(0.03)
        return [f"re: {turn.text}"]

    with answering(url, namespace, answer):
        async with a_gateway(fast_settings(dc, url, namespace, per_chat_ms=150)) as running:
            await ready(dc, running)
            for number in range(8):
                dc.says(alice, f"question {number}.")
            await _shown(dc, alice)
            shown.set()
            await dc.until(lambda: len(dc.answers(alice)) == 8)
            await dc.until(lambda: dc.violations() == [])
            assert DRAFTS or dc.record.counts()[EDIT] > 0
    assert len(dc.record.of("said")) == 8


@with_a_centre
async def test_a_preview_that_is_late_is_left_out(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    turns: list[Turn] = []

    def answer(turn: Turn) -> list[str]:
        turns.append(turn)
        return pen(turn)

    without_drafts(dc)
    with answering(url, namespace, answer):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            pen.text = "re:"
            await dc.until(lambda: dc.answers(alice))
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            turns[0].show("re: half")
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    assert dc.violations() == []


@pytest.mark.parametrize("trouble", ["lost", "dropped", "flood", "error", "gone"])
@with_a_centre
async def test_whatever_becomes_of_a_preview_there_is_one_answer(
    dc: DataCentre, url: str, namespace: str, trouble: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            pen.text = "re:"
            await dc.until(lambda: dc.answers(alice))
            _trouble(dc, seen(dc, alice)[0], trouble)
            before = dc.record.counts()[EDIT]
            pen.text = "re: que"
            await until(lambda: dc.record.counts()[EDIT] > before)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            await asyncio.sleep(0.1)
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    assert dc.violations() == []


def _trouble(dc: DataCentre, preview: Message, trouble: str) -> None:
    match trouble:
        case "lost":
            dc.lose_answer(EDIT)
        case "dropped":
            dc.drop(EDIT)
        case "flood":
            dc.fail(EDIT, 420, "FLOOD_WAIT_1")
        case "error":
            dc.fail(EDIT, 500, "INTERNAL")
        case "gone":
            dc.deletes(preview)


@with_a_centre
async def test_an_edit_that_comes_late_does_not_overwrite_the_answer(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            pen.text = "re:"
            await dc.until(lambda: dc.answers(alice))
            late = dc.hold(EDIT)
            pen.text = "re: que"
            await until(lambda: late.met)
            dc.cut_connections()  # nobody knows what becomes of the edit, and it is done after the answer
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            dc.let_go(late)
            await dc.until(lambda: late.answered)
    assert dc.answers(alice) == ["re: question 1."]
    assert dc.violations() == []


@pytest.mark.parametrize("trouble", ["lost", "dropped"])
@with_a_centre
async def test_a_first_preview_of_which_nobody_knows_becomes_the_answer(
    dc: DataCentre, url: str, namespace: str, trouble: str
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    fault = dc.lose_answer(SEND) if trouble == "lost" else dc.drop(SEND)
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            pen.text = "re:"
            await until(lambda: fault.met)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            await asyncio.sleep(0.1)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 1


@with_a_centre
async def test_an_attempt_that_fails_leaves_its_preview_to_the_next(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    fails = threading.Event()

    def answer(turn: Turn) -> list[str]:
        if turn.attempt == 1:
            while not fails.wait(0.02):
                turn.show("re: half")
            raise RuntimeError("the model is gone")
        return pen(turn)

    without_drafts(dc)
    with answering(url, namespace, answer):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await _shown(dc, alice)
            fails.set()
            pen.text = "re: anew"
            await dc.until(lambda: dc.answers(alice) == ["re: anew"])
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 1


@with_a_centre
async def test_the_apology_takes_the_place_of_a_preview(dc: DataCentre, url: str, namespace: str) -> None:
    alice, fails = dc.add_user("Alice"), threading.Event()

    def answer(turn: Turn) -> list[str]:
        while not fails.wait(0.02):
            turn.show("re: half")
        raise RuntimeError("the model is gone")

    without_drafts(dc)
    with answering(url, namespace, answer, max_retries=0):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await _shown(dc, alice)
            fails.set()
            await dc.until(lambda: "Sorry" in "".join(dc.answers(alice)))
    assert len(dc.answers(alice)) == 1
    assert len(dc.record.of("said")) == 1


@with_a_centre
async def test_what_is_stopped_leaves_no_preview(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob, pen = dc.add_user("Alice"), dc.add_user("Bob"), Pen()
    without_drafts(dc)
    pen.text = "re: half"
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            question = dc.says(bob, "question 2.")
            await _shown(dc, alice)
            await _shown(dc, bob)
            dc.says(alice, "/stop")
            dc.deletes(question)
            await dc.until(lambda: dc.answers(alice) == ["Stopped."] and dc.answers(bob) == [])
            await asyncio.sleep(0.2)
    assert (dc.answers(alice), dc.answers(bob)) == (["Stopped."], [])


@with_a_centre
async def test_a_preview_that_telegram_wants_left_alone_is_left_alone_until_it_may_be_taken_away(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, others, pen = dc.add_user("Alice"), [dc.add_user(name) for name in ("Bob", "Cleo", "Dan")], Pen()
    without_drafts(dc)
    pen.text = "re: half"
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            questions = []
            for user in (alice, *others):
                questions.append(dc.says(user, "question 1."))
                await _shown(dc, user)
            (preview,) = seen(dc, alice)
            flood = dc.fail(
                "messages.DeleteMessages", 420, "FLOOD_WAIT_60", times=None, fits=lambda query: query.id == [preview.id]
            )
            dc.deletes(questions[0])
            await dc.until(lambda: flood.met)
            # Each time it is looked at all that is to be taken away.
            for user, question in zip(others, questions[1:], strict=True):
                dc.deletes(question)
                await dc.until(lambda user=user: not dc.answers(user))  # type: ignore[misc]
            assert flood.met == 1
            pen.ends.set()


@pytest.mark.parametrize("where", ["private", "group"])
def test_taking_a_preview_away_is_no_gap_in_what_comes(where: str, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        bob, pen = dc.add_user("Bob"), Pen()
        chat = dc.add_supergroup("Group", [bob]) if where == "group" else bob
        without_drafts(dc)
        pen.text = "re: half"
        with answering(url, namespace, pen) as broker:
            async with a_gateway(fast_settings(dc, url, namespace, groups="all")) as running:
                await ready(dc, running)
                question = dc.says(chat, "question 1.", by=bob)
                await dc.until(lambda: dc.answers(chat))
                dc.deletes(question)
                await dc.until(lambda: not dc.answers(chat))
                # The gateway has Telegram's answer, too: what comes next is no gap for want of it.
                await until(lambda: kept_of_previews(broker, dc) == [])
                asked = _differences(dc)
                dc.says(chat, "question 2.", by=bob)
                await dc.until(lambda: dc.answers(chat))
                assert _differences(dc) == asked
                pen.ends.set()

    play()


def _differences(dc: DataCentre) -> int:
    counts = dc.record.counts()
    return counts["updates.GetDifference"] + counts["updates.GetChannelDifference"]


@with_a_centre
async def test_a_turn_without_an_answer_leaves_no_preview(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    pen.text, pen.answer = "re: half", []
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await _shown(dc, alice)
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == [])


@with_a_centre
async def test_a_preview_of_a_gateway_that_was_killed_becomes_the_answer(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice, bob, pen = dc.add_user("Alice"), dc.add_user("Bob"), Pen()
    without_drafts(dc)
    settings = fast_settings(dc, url, namespace)
    pen.text = "re:"
    with answering(url, namespace, pen) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            dc.says(alice, "question 1.")
            await _shown(dc, alice)
            # Of this one nobody hears what it became.
            dc.delay(SEND, 30_000, done=True)
            dc.says(bob, "question 2.")
            await _shown(dc, bob)
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            pen.text = "re: more"
            await dc.until(lambda: dc.answers(alice) == ["re: more"])
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
            await dc.until(lambda: dc.answers(bob) == ["re: question 2."])
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 2


@with_a_centre
async def test_a_preview_of_a_gateway_that_was_killed_is_swept_up_when_its_turn_is_stopped_meanwhile(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    without_drafts(dc)
    settings = fast_settings(dc, url, namespace)
    pen.text = "re:"
    with answering(url, namespace, pen) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            dc.says(alice, "question 1.")
            await _shown(dc, alice)
            kill(gateway)
        broker.cancel_mailbox(f"telegram:{alice.id}")
        await until(_is_idle(broker, f"telegram:{alice.id}"))
        free_lease(broker, dc)
        async with a_gateway(settings):
            await dc.until(lambda: dc.answers(alice) == [])


@with_a_centre
async def test_a_preview_is_swept_up_by_a_gateway_that_finds_the_store_away_when_it_starts(
    dc: DataCentre, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    envelope = an_envelope(dc.says(alice, "question 1."))
    address = Address.decode(envelope.address)
    with a_server(aof=True) as server, answering(server.url, namespace, works=False) as broker:
        async with a_client(dc) as client:
            telegram = fast_settings(dc, server.url, namespace).telegram
            pace, ledger = Pace(telegram), Ledger(broker, dc.bot.id)
            sender = Sender(client, pace, now_ms=monotonic_ms, answer_s=5, is_sure=lambda: True)
            message = await sender.say(address, Marked("half of an"), 1)
            shown = Shown(address=address, mailbox=envelope.mailbox, name=1, message=message)
            ledger.write_shown(envelope.id, shown, among={envelope.id})
            previews = Previews(
                sender, ledger, pace, broker=broker, telegram=telegram, on_draft=print, now_ms=monotonic_ms
            )
            await asyncio.to_thread(server.kill)
            with capture_logs() as logs:
                starting = asyncio.create_task(previews.start())
                await until(lambda: starting.done() or logs)
            await asyncio.to_thread(server.start)
            await starting
            try:
                await dc.until(lambda: dc.answers(alice) == [])
            finally:
                await previews.stop()


def _is_idle(broker: MailboxBroker, mailbox: str) -> Callable[[], bool]:
    return lambda: broker.mailbox(mailbox).length == 0


@pytest.mark.skipif(not DRAFTS, reason="this client has no drafts")
@with_a_centre
async def test_where_there_are_drafts_a_private_chat_is_shown_one(dc: DataCentre, url: str, namespace: str) -> None:
    alice, pen = dc.add_user("Alice"), Pen()
    with answering(url, namespace, pen):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            for text in ("re:", "re: que"):
                pen.text = text
                await dc.until(lambda: pen.text in [event.text for event in dc.record.of("draft")])
            assert dc.answers(alice) == []
            pen.ends.set()
            await dc.until(lambda: dc.answers(alice) == ["re: question 1."])
    assert dc.violations() == []
    assert dc.record.counts()[EDIT] == 0

"""Whatever goes wrong between the outbox and the chat: one answer to each message, in order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from delivering import a_gateway_process, an_envelope, answering, fast_settings, free_lease, kill, post, to_chat
from gateway_running import a_gateway, ready, until, with_a_centre
from real_server import RealServer, a_server

from okos.envelope import Reply
from okos.outbox import posted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from datacentre import User

SEND = "messages.SendMessage"


async def all_answered(dc: DataCentre, user: User, count: int) -> None:
    """Wait for so many answers, and for what would be one too many."""
    await dc.until(lambda: len(dc.answers(user)) >= count)
    await asyncio.sleep(0.1)


@with_a_centre
async def test_twenty_people_are_answered_side_by_side_and_each_in_order(
    dc: DataCentre, url: str, namespace: str
) -> None:
    people = [dc.add_user(f"User{number}") for number in range(20)]
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(5):
                for one in people:
                    dc.says(one, f"question {number}.")
            await dc.until(lambda: all(len(dc.answers(one)) == 5 for one in people))
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 100


@with_a_centre
async def test_a_line_that_breaks_during_a_send_costs_no_answer(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.drop(SEND)
            for number in range(3):
                dc.says(alice, f"question {number}.")
            await all_answered(dc, alice, 3)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 3


@with_a_centre
async def test_an_answer_of_telegrams_that_is_lost_is_asked_for_again_and_nothing_said_twice(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    dc.lose_answer(SEND, fits=to_chat(alice))
    dc.lose_answer(SEND, cut=False, fits=to_chat(bob))
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(3):
                dc.says(alice, f"question {number}.")
                dc.says(bob, f"question {number}.")
            await all_answered(dc, alice, 3)
            await all_answered(dc, bob, 3)
            await until(lambda: len(dc.record.of("repeated")) >= 2)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 6


@with_a_centre
async def test_a_call_that_is_ignored_or_not_understood_is_made_again(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    dc.ignore(SEND, fits=to_chat(alice))
    dc.refuse_message(SEND, code=33, fits=to_chat(bob))
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            dc.says(bob, "question 2.")
            await all_answered(dc, alice, 1)
            await all_answered(dc, bob, 1)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 2


@with_a_centre
async def test_a_send_that_still_runs_when_it_is_repeated_is_waited_for(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    held = dc.hold(SEND)
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.sending)
            dc.cut_connections()
            await until(lambda: dc.record.counts()[SEND] > 2)
            dc.let_go(held)
            await all_answered(dc, alice, 1)
            await until(lambda: dc.record.of("repeated"))
    assert dc.violations() == []


@with_a_centre
async def test_a_flood_wait_is_waited_for_and_keeps_its_chats_order(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    dc.fail(SEND, 420, "FLOOD_WAIT_2", fits=to_chat(alice))
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(3):
                dc.says(alice, f"question {number}.")
                dc.says(bob, f"question {number}.")
            await all_answered(dc, bob, 3)
            await all_answered(dc, alice, 3)
            # Left alone as long as Telegram wanted, and no failure of the message.
            calls = [call for call in dc.record.calls if call.name == SEND and call.peer == alice.peer]
            assert calls[1].at_s - calls[0].at_s >= 2
            assert len(calls) == 4
            assert broker.stats().retried == 0
    assert dc.violations() == []


@with_a_centre
async def test_trouble_at_telegrams_is_waited_out(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 500, "INTERNAL")
    dc.fail(SEND, 503, "Timeout")
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(3):
                dc.says(alice, f"question {number}.")
            await all_answered(dc, alice, 3)
    assert dc.violations() == []


@with_a_centre
async def test_who_blocks_the_bot_is_given_up_with_the_reason_and_nobody_else(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.blocks(alice)
            dc.says(alice, "question 1.")
            dc.says(bob, "question 2.")
            await all_answered(dc, bob, 1)
            await until(lambda: broker.stats().dead == 1)
            (letter,) = broker.failed()
            assert "USER_IS_BLOCKED" in letter.error
            assert letter.mailbox == f"outbox.telegram.{alice.id}"
            dc.unblocks(alice)
            dc.says(alice, "question 3.")
            await all_answered(dc, alice, 1)
    assert dc.answers(alice) == ["re: question 3."]
    assert dc.answers(bob) == ["re: question 2."]


@with_a_centre
async def test_a_text_whose_formatting_is_refused_is_said_without_it(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 400, "ENTITY_BOUNDS_INVALID", fits=lambda query: query.entities is not None)
    with answering(url, namespace, lambda turn: [f"**re:** {turn.text}"]):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await all_answered(dc, alice, 2)
    assert dc.answers(alice) == ["re: question 1.", "re: question 2."]
    plain, formatted = (message for message in dc.visible(alice) if message.out)
    assert (plain.entities, [entity.kind for entity in formatted.entities]) == ((), ["Bold"])


@with_a_centre
async def test_an_answer_to_a_message_that_is_gone_is_said_all_the_same(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_group("Group", [alice])
    dc.fail(SEND, 400, "REPLY_MESSAGE_ID_INVALID", fits=_replies)
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace, groups="all")) as running:
            await ready(dc, running)
            dc.says(group, "question 1.", by=alice)
            await dc.until(lambda: len(dc.answers(group)) == 1)
    (answer,) = (message for message in dc.visible(group) if message.out)
    assert (answer.text, answer.reply_to) == ("re: question 1.", None)


def _replies(query: Any) -> bool:
    return (getattr(query, "reply_to", None) or getattr(query, "reply_to_msg_id", None)) is not None


@with_a_centre
async def test_a_long_answer_that_is_interrupted_goes_on_where_it_was(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    text = "question 1. " + "word " * 2_000 + "the end."
    with answering(url, namespace, lambda _: [text]):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.fail(SEND, 420, "FLOOD_WAIT_1", fits=lambda query: query.message.endswith("the end."))
            dc.says(alice, "question 1.")
            await all_answered(dc, alice, 3)
    assert " ".join(dc.answers(alice)) == text
    assert dc.record.counts()[SEND] == 4
    assert dc.record.of("repeated") == []


@with_a_centre
async def test_a_gateway_killed_between_send_and_settle_says_nothing_twice(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            # Said, and before Telegram's answer comes the gateway is gone.
            dc.delay(SEND, 30_000, done=True)
            for number in range(3):
                dc.says(alice, f"question {number}.")
            await dc.until(lambda: dc.answers(alice))
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            dc.says(alice, "question 3.")
            await all_answered(dc, alice, 4)
    assert dc.violations() == []
    assert [len(dc.record.of(kind)) for kind in ("said", "repeated")] == [4, 1]


@with_a_centre
async def test_a_gateway_killed_before_its_send_is_done_leaves_the_answer_to_the_next(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            ignored = dc.ignore(SEND)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: ignored.met)
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await all_answered(dc, alice, 2)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 2


@pytest.fixture
def lasting_server() -> Iterator[RealServer]:
    """Run a server that forgets nothing when it is killed."""
    with a_server(aof=True) as server:
        yield server


@with_a_centre
async def test_a_server_that_restarts_costs_no_answer(
    dc: DataCentre, lasting_server: RealServer, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    url = lasting_server.url
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.delay(SEND, 500, done=True)
            for number in range(5):
                dc.says(alice, f"question {number}.")
            await dc.until(lambda: dc.answers(alice))
            await asyncio.to_thread(lasting_server.kill)
            await asyncio.to_thread(lasting_server.start)
            await all_answered(dc, alice, 5)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 5


@with_a_centre
async def test_a_reply_that_fails_for_no_reason_of_telegrams_is_given_up_and_the_next_one_said(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with answering(url, namespace, works=False) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            envelope = an_envelope(dc.says(alice, "question 1."))
            assert envelope.address is not None
            # No number of 64 bits: it cannot be written.
            broken = replace(envelope, address=dict(envelope.address) | {"access_hash": 1 << 70})
            reply = posted(broken, Reply(envelope_id=envelope.id, chat=envelope.chat, text="one", last=False))
            quick = {"min_backoff": 1, "max_backoff": 1}
            broker.enqueue(reply.copy(options=quick))
            post(broker, envelope, "two")
            await all_answered(dc, alice, 1)
            (letter,) = broker.failed()
    assert dc.answers(alice) == ["two"]
    assert letter.error.startswith("OverflowError")
    assert letter.retries == 8

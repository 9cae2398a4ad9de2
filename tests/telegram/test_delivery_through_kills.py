"""The gateway, or a worker, ends at a named step: each message has one answer, in order, as the data centre saw it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from delivering import (
    SHORT_LEASE_MS,
    a_gateway_process,
    an_envelope,
    answering,
    fast_settings,
    is_named,
    kill,
    post,
)
from gateway_running import DEADLINE_S, a_gateway, ready, until, with_a_centre

if TYPE_CHECKING:
    from pathlib import Path

    from datacentre import User
    from redis import Redis

SEND = "messages.SendMessage"
#: So long that nothing comes back by itself within a test.
NEVER_MS = 600_000


async def all_answered(dc: DataCentre, user: User, count: int) -> None:
    """Wait for so many answers, and for what would be one too many."""
    await dc.until(lambda: len(dc.answers(user)) >= count, DEADLINE_S)
    await asyncio.sleep(0.1)


@with_a_centre
async def test_killed_after_the_message_was_published(dc: DataCentre, url: str, namespace: str, tmp_path: Path) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace, works=False) as idle, a_gateway_process(settings, tmp_path) as gateway:
        await ready(dc)
        for number in range(3):
            dc.says(alice, f"question {number}.")
        await until(lambda: idle.stats().accepted == 3)
        kill(gateway)
    with answering(url, namespace):
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            dc.says(alice, "question 3.")
            await all_answered(dc, alice, 4)
    assert dc.violations() == []


@with_a_centre
async def test_killed_when_it_has_telegrams_answer_and_has_not_settled(
    dc: DataCentre, url: str, admin: Redis, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace):
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            late = dc.hold(SEND, done=True)
            dc.says(alice, "question 0.")
            await dc.until(lambda: dc.answers(alice))
            # From here on nothing is written: not the settle either.
            admin.client_pause(60_000, all=False)
            try:
                dc.says(alice, "question 1.")
                dc.let_go(late)
                await until(lambda: late.answered)
                await until(lambda: is_blocked(admin))
                kill(gateway)
            finally:
                admin.client_unpause()  # the server is the next tests', too
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await all_answered(dc, alice, 2)
    assert dc.violations() == []
    assert [len(dc.record.of(kind)) for kind in ("said", "repeated")] == [2, 1]


def is_blocked(admin: Redis) -> bool:
    """Tell whether somebody waits to be let write."""
    return any("b" in client["flags"] for client in admin.client_list())


@with_a_centre
async def test_a_reply_outlives_more_kills_than_a_turn_would(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace).model_copy(update={"lease_ms": SHORT_LEASE_MS})
    ignored = dc.ignore(SEND, times=None)
    with answering(url, namespace) as broker:
        for life in range(4):
            before = ignored.met
            with a_gateway_process(settings, tmp_path) as gateway:
                if life == 0:
                    await ready(dc)
                    dc.says(alice, "question 0.")
                    dc.says(alice, "question 1.")
                await dc.until(lambda before=before: ignored.met > before, DEADLINE_S)  # type: ignore[misc]
                kill(gateway)
        (head, *_) = broker.mailbox(f"outbox.telegram.{alice.id}").messages
        assert head.stalls >= 3
        dc.lift_faults()
        async with a_gateway(settings):
            await all_answered(dc, alice, 2)
        assert broker.stats().dead == 0
    assert dc.violations() == []


@with_a_centre
async def test_what_a_killed_gateway_had_in_hand_is_said_by_the_next_at_once(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    settings = fast_settings(dc, url, namespace).model_copy(update={"lease_ms": NEVER_MS})
    with answering(url, namespace) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            await until(lambda: is_named(broker, dc))
            ignored = dc.ignore(SEND, times=2)
            for one in (alice, bob):
                dc.says(one, "question 0.")
                dc.says(one, "question 1.")
            await dc.until(lambda: ignored.met == 2)
            kill(gateway)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await all_answered(dc, alice, 2)
            await all_answered(dc, bob, 2)
    assert dc.violations() == []


@with_a_centre
async def test_one_that_only_slept_says_nothing_more_when_it_wakes(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace).model_copy(update={"lease_ms": NEVER_MS})
    with answering(url, namespace) as broker, a_gateway_process(settings, tmp_path) as sleeper:
        await ready(dc)
        await until(lambda: is_named(broker, dc))
        ignored = dc.ignore(SEND)
        dc.says(alice, "question 0.")
        dc.says(alice, "question 1.")
        await dc.until(lambda: ignored.met)
        sleeper.send_signal(signal.SIGSTOP)
        async with a_gateway(settings, stands_by=True):
            await all_answered(dc, alice, 2)
            sleeper.send_signal(signal.SIGCONT)
            await asyncio.to_thread(sleeper.wait, DEADLINE_S)
            dc.says(alice, "question 2.")
            await all_answered(dc, alice, 3)
    assert dc.violations() == []
    assert len(dc.record.of("said")) == 3
    assert dc.record.of("repeated") == []


@with_a_centre
async def test_twenty_messages_while_no_gateway_ran_are_answered_in_order(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace):
        async with a_gateway(settings) as running:
            await ready(dc, running)
        for number in range(20):
            dc.says(alice, f"question {number}.")
            dc.says(bob, f"question {number}.")
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await all_answered(dc, alice, 20)
            await all_answered(dc, bob, 20)
    assert dc.violations() == []


_STUCK = """
import sys, threading
from delivering import SHORT_LEASE_MS, answering

def answer(turn):
    threading.Event().wait()

with answering(sys.argv[1], sys.argv[2], answer, lease_ms=SHORT_LEASE_MS):
    threading.Event().wait()
"""


def a_stuck_worker(url: str, namespace: str) -> subprocess.Popen[bytes]:
    """Start a worker process whose turns never end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", _STUCK, url, namespace], env=environment)


@with_a_centre
async def test_a_worker_that_is_killed_costs_no_answer(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    worker = a_stuck_worker(url, namespace)
    try:
        with answering(url, namespace, works=False) as broker:
            async with a_gateway(fast_settings(dc, url, namespace)) as running:
                await ready(dc, running)
                dc.says(alice, "question 0.")
                dc.says(alice, "question 1.")
                await until(lambda: broker.stats().running == 1)
                kill(worker)
                with answering(url, namespace):
                    await all_answered(dc, alice, 2)
    finally:
        kill(worker)
    assert dc.violations() == []


@with_a_centre
async def test_replies_stay_in_order_however_many_turns_of_a_chat_run_at_once(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with answering(url, namespace, max_jobs_per_user=4) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            question = dc.says(alice, "question 0.")
            await all_answered(dc, alice, 1)
            slow = dc.hold(SEND)
            post(broker, an_envelope(question, number=1_000), "1", "2", "3", "4")
            await until(lambda: slow.met)
            dc.let_go(slow)
            await all_answered(dc, alice, 5)
    assert slow.met == 1
    assert dc.answers(alice)[1:] == ["1", "2", "3", "4"]

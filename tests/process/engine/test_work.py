"""Workers as they should be: order, retries, dead letters, limits, and messages that nobody can read."""

import random

from fleet import Fleet
from real_server import eventually

from okos.mailbox.publication import Publication


def test_one_user_s_messages_run_in_order_on_many_threads(fleet: Fleet) -> None:
    fleet.start(processes=4, threads=8)
    for number in range(200):
        fleet.send("work", "a", number)

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(["a"], 200)


def test_as_many_users_as_there_are_threads_run_at_once(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(processes=2, threads=25)
    for number in range(50):
        fleet.send("wait", f"user {number}", 0, gate=str(gate))

    fleet.await_lines(50, what="start")

    gate.touch()
    fleet.await_drained()
    fleet.assert_each_ended_once_in_order([f"user {number}" for number in range(50)], 1)


def test_many_users_at_once_lose_and_reorder_nothing_though_some_attempts_fail(fleet: Fleet) -> None:
    chance = random.Random(7)
    users = [f"user {number}" for number in range(40)]
    fleet.start(processes=2, threads=8)
    gate = fleet.gate()
    for user in users:
        fleet.send("wait", user, 0, gate=str(gate), fails=int(chance.random() < 0.05))
    fleet.await_lines(16)  # as many as both have threads
    gate.touch()
    for number in range(1, 25):
        for user in users:
            fleet.send("work", user, number, ms=chance.uniform(0, 5), fails=int(chance.random() < 0.05))

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(users, 25)
    assert len({line.pid for line in fleet.lines()}) == 2
    assert fleet.broker.stats().retried == len(fleet.lines(what="fail")) > 10


def test_a_retry_blocks_its_own_user_and_nobody_else(fleet: Fleet) -> None:
    fleet.start(threads=2)
    fleet.send("work", "a", 0, fails=1, options={"min_backoff": 600_000, "max_backoff": 600_000})
    fleet.await_lines(1, user="a", what="fail")
    fleet.send("work", "a", 1)
    for number in range(20):
        fleet.send("work", "b", number)

    fleet.await_lines(20, user="b", what="end")

    assert [line.number for line in fleet.lines(user="a")] == [0, 0]
    eventually(lambda: fleet.broker.stats().running == 0)
    assert fleet.broker.stats().timed == 1


def test_a_message_that_fails_for_good_is_a_dead_letter_with_its_reason_and_the_next_runs(fleet: Fleet) -> None:
    fleet.start(threads=2)
    failed = fleet.send("work", "a", 0, fails=99)
    fleet.send("work", "a", 1)

    fleet.await_lines(1, user="a", what="end")
    fleet.await_drained()

    assert [(line.number, line.what) for line in fleet.lines()] == [(0, "start"), (0, "fail")] * 4 + [
        (1, "start"),
        (1, "end"),
    ]
    (letter,) = fleet.broker.failed()
    assert (letter.id, letter.mailbox, letter.attempts) == (failed, "a", 4)
    assert letter.error == "ValueError: attempt 4 of a 0"
    assert "engine_app.py" in letter.trace
    assert fleet.replies() == [("a", 1)]


def test_what_is_delayed_runs_when_it_is_due_without_a_scheduler(fleet: Fleet) -> None:
    fleet.start(threads=2)
    for number in range(10):
        fleet.send("work", f"user {number}", 0)
        fleet.send("work", f"user {number}", 1, delay=300 + number)

    fleet.await_lines(20, what="end")

    assert fleet.broker.stats().delayed == 0
    fleet.await_drained()
    fleet.assert_each_ended_once_in_order([f"user {number}" for number in range(10)], 2)


def test_what_is_delayed_holds_up_nothing_that_was_sent_after_it(fleet: Fleet) -> None:
    fleet.start(threads=2)
    fleet.send("work", "a", 1, delay=600_000)
    fleet.send("work", "a", 0)

    eventually(lambda: fleet.broker.stats().done >= 1)

    assert [line.number for line in fleet.lines()] == [0, 0]
    assert fleet.broker.stats().delayed == 1


def test_a_body_that_nobody_can_read_is_a_dead_letter_and_its_mailbox_goes_on(fleet: Fleet) -> None:
    fleet.broker.store.publish(Publication(id="garbage", mailbox="a", queue="text", band=1, body=b"\xff{", cost=1))
    fleet.send("work", "a", 0)

    fleet.start(threads=2)
    fleet.await_lines(1, what="end")

    (letter,) = fleet.broker.failed()
    assert letter.id == "garbage"
    assert "cannot be decoded" in letter.error


def test_an_actor_that_nobody_knows_is_tried_again_then_a_dead_letter(fleet: Fleet) -> None:
    unknown = fleet.send("no such actor", "a", 0)
    fleet.send("work", "a", 1)

    fleet.start(threads=2)
    fleet.await_lines(1, what="end")

    (letter,) = fleet.broker.failed()
    assert (letter.id, letter.attempts) == (unknown, 4)
    assert "no such actor" in letter.error


def test_a_coroutine_past_its_time_limit_is_cancelled_and_its_slot_is_free(fleet: Fleet) -> None:
    fleet.start(threads=1)
    slow = fleet.send(
        "wait_async",
        "a",
        0,
        queue="photo",
        gate=str(fleet.gate()),
        options={"time_limit": 200, "max_retries": 0},
    )
    fleet.send("hurry", "b", 0, queue="photo")

    fleet.await_lines(1, user="b", what="end")

    assert [line.what for line in fleet.lines(user="a")] == ["start", "cancelled", "closed"]
    eventually(lambda: [letter.id for letter in fleet.broker.failed()] == [slow])
    assert "TimeLimitExceeded" in fleet.broker.failed()[0].error
    assert fleet.replies() == []


def test_an_error_whose_text_is_no_unicode_does_not_stop_the_worker(fleet: Fleet) -> None:
    fleet.start(threads=1)
    fleet.send("mangle", "a", 0, options={"max_retries": 0})
    fleet.send("work", "b", 0)

    fleet.await_lines(1, user="b", what="end")
    fleet.await_drained()

    (letter,) = fleet.broker.failed()
    assert letter.error == r"ValueError: lone \ud800"

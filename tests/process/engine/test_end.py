"""Workers that are killed, frozen or stopped, and messages that take their worker down."""

import os
import re
import signal

import pytest
from fleet import SHORT_LEASE_MS, Fleet, Line
from real_server import eventually


def numbers(lines: list[Line]) -> list[tuple[int, str]]:
    return [(line.number, line.what) for line in lines]


def test_what_a_killed_worker_ran_runs_again_first_and_nobody_else_notices(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(lease_ms=SHORT_LEASE_MS)
    fleet.send("wait", "a", 0, gate=str(gate))
    (first,) = fleet.await_lines(1)
    for number in (1, 2):
        fleet.send("work", "a", number)
    for number in range(100):
        fleet.send("work", f"user {number % 10}", number // 10)

    os.kill(first.pid, signal.SIGKILL)
    fleet.start()

    (_, again) = fleet.await_lines(2, user="a")
    assert (again.number, again.attempt) == (0, 2)
    assert again.pid != first.pid
    gate.touch()
    fleet.await_drained()
    assert numbers(fleet.lines(user="a")) == [
        (0, "start"),
        (0, "start"),
        (0, "end"),
        (1, "start"),
        (1, "end"),
        (2, "start"),
        (2, "end"),
    ]
    assert sorted(fleet.replies()) == sorted(
        [("a", number) for number in range(3)] + [(f"user {user}", n) for user in range(10) for n in range(10)]
    )
    assert fleet.broker.stats().stalled >= 1


def test_a_worker_stopped_under_load_interrupts_nothing_and_keeps_the_order(fleet: Fleet) -> None:
    users = [f"user {number}" for number in range(20)]
    stopped = fleet.start(threads=8)
    fleet.start(threads=8)
    for number in range(15):
        for user in users:
            fleet.send("work", user, number, ms=10)
    fleet.await_lines(20)

    stopped.terminate()

    assert stopped.wait() == 0
    fleet.await_drained()
    fleet.assert_each_ended_once_in_order(users, 15)
    assert fleet.broker.stats().stalled == 0
    assert {line.attempt for line in fleet.lines()} == {1}


def test_a_worker_that_stops_starts_nothing_any_more(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = fleet.start(threads=2)
    for user in "ab":
        fleet.send("wait", user, 0, gate=str(gate))
    fleet.await_lines(2)
    for number in range(10):
        fleet.send("work", f"user {number}", 0)

    worker.terminate()
    eventually(lambda: "nothing more is claimed" in worker.said)
    gate.touch()

    assert worker.wait() == 0
    assert len(fleet.lines(what="end")) == 2
    stats = fleet.broker.stats()
    assert (stats.running, stats.done, stats.waiting) == (0, 2, 12)


@pytest.mark.parametrize("actor", ["wait", "wait_async"])
def test_what_runs_longer_than_the_grace_runs_again_once_uncounted(fleet: Fleet, actor: str) -> None:
    gate = fleet.gate()
    worker = fleet.start(threads=2, grace_ms=300)
    queue = "photo" if actor == "wait_async" else "text"
    fleet.send(actor, "a", 0, queue=queue, gate=str(gate))
    fleet.send("work", "a", 1)
    fleet.await_lines(1)

    worker.terminate()
    assert worker.wait() == 0
    gate.touch()
    fleet.start(threads=2)
    fleet.await_drained()

    starts = [line for line in fleet.lines(user="a") if line.what == "start"]
    assert [(line.number, line.attempt) for line in starts] == [(0, 1), (0, 1), (1, 1)]
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1)]
    assert fleet.broker.stats().stalled == 0


def test_a_worker_that_is_told_twice_to_stop_ends_without_its_grace_and_loses_nothing(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = fleet.start(threads=2, grace_ms=600_000, lease_ms=SHORT_LEASE_MS)
    fleet.send("wait", "a", 0, gate=str(gate))
    fleet.send("work", "a", 1)
    fleet.await_lines(1)

    worker.terminate()
    eventually(lambda: "nothing more is claimed" in worker.said)
    worker.terminate()

    worker.wait()
    gate.touch()
    fleet.start(threads=2)
    fleet.await_drained()
    assert [line.number for line in fleet.lines(what="end")] == [0, 1]
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1)]


def test_a_worker_that_is_interrupted_at_its_terminal_ends_what_runs(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = fleet.start(threads=2)
    fleet.send("wait", "a", 0, gate=str(gate))
    fleet.send("work", "a", 1)
    fleet.await_lines(1)

    worker.child.send_signal(signal.SIGINT)
    eventually(lambda: "nothing more is claimed" in worker.said)
    gate.touch()

    assert worker.wait() == 0
    fleet.start(threads=2)
    fleet.await_drained()
    starts = [(line.number, line.attempt) for line in fleet.lines(what="start")]
    assert starts == [(0, 1), (1, 1)]
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1)]


def test_a_frozen_worker_that_comes_back_too_late_changes_nothing(fleet: Fleet) -> None:
    gate = fleet.gate()
    frozen = fleet.start(lease_ms=SHORT_LEASE_MS)
    fleet.send("wait", "a", 0, gate=str(gate))
    (first,) = fleet.await_lines(1)
    fleet.send("work", "a", 1)

    os.kill(first.pid, signal.SIGSTOP)
    fleet.start()
    again = fleet.await_lines(2, user="a")[1]
    gate.touch()
    fleet.await_drained()
    assert fleet.broker.stats().done == 2
    os.kill(first.pid, signal.SIGCONT)
    eventually(lambda: re.search("its lease (was|had been) lost", frozen.said))
    frozen.terminate()
    frozen.wait()

    fleet.send("work", "a", 2)
    fleet.await_drained()
    assert (again.number, again.attempt) == (0, 2)
    stats = fleet.broker.stats()
    assert (stats.done, stats.stalled, stats.died) == (3, 1, 0)
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1), ("a", 2)]


def test_a_message_that_kills_its_worker_is_buried_and_no_innocent_with_it(fleet: Fleet) -> None:
    gate = fleet.gate()
    innocents = [f"user {number}" for number in range(5)]
    for user in innocents:
        fleet.send("wait", user, 0, gate=str(gate))
    worker = fleet.start(threads=8, lease_ms=SHORT_LEASE_MS)
    fleet.await_lines(5)
    poison = fleet.send("die", "bad", 0)
    fleet.send("work", "bad", 1)
    worker.wait()
    gate.touch()

    for _ in range(5):  # what a supervisor does
        child = fleet.launch(threads=8, lease_ms=SHORT_LEASE_MS).child
        eventually(lambda child=child: child.poll() is not None or fleet.lines(user="bad", what="end"))  # type: ignore[misc]  # mypy cannot infer it
        if fleet.lines(user="bad", what="end"):
            break

    fleet.await_drained()
    (letter,) = fleet.broker.failed()
    assert letter.id == poison
    assert letter.error.startswith("stalled: ")
    # three deaths, and the one behind it
    assert len(fleet.lines(user="bad", what="start")) == 4
    assert sorted(fleet.replies()) == sorted([("bad", 1)] + [(user, 0) for user in innocents])

"""Handlers that no interrupt reaches: C code that holds the interpreter, or that does not come back."""

import os

from fleet import SHORT_LEASE_MS, Fleet
from real_server import eventually


def test_a_call_that_holds_the_interpreter_past_the_lease_is_fenced_and_commits_nothing(fleet: Fleet) -> None:
    fifo = fleet.directory / "fifo"
    os.mkfifo(fifo)
    fleet.start(lease_ms=SHORT_LEASE_MS)
    fleet.send("grip", "a", 0, fifo=str(fifo))
    (first,) = fleet.await_lines(1)
    fleet.start()
    fleet.send("work", "a", 1)

    fleet.await_lines(2, what="end")
    fleet.await_drained()
    with fifo.open("wb"):  # it comes back, too late
        fleet.await_lines(3, what="end")
    fleet.send("work", "a", 2)
    fleet.await_drained()

    zero, one, late, two = fleet.lines(what="end")
    assert (zero.number, zero.attempt) == (0, 2)
    assert (one.number, one.attempt) == (1, 1)
    assert (late.number, late.attempt, late.pid) == (0, 1, first.pid)
    assert two.number == 2
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1), ("a", 2)]
    stats = fleet.broker.stats()
    assert (stats.stalled, stats.died) == (1, 0)


def test_a_handler_that_hangs_is_given_up_and_another_thread_takes_its_place(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = fleet.start(threads=4)
    hung = fleet.send("hang", "a", 0, options={"time_limit": 100, "max_retries": 0})
    fleet.await_lines(1)
    for number in range(4):
        fleet.send("wait", f"user {number}", 0, gate=str(gate))

    fleet.await_lines(1 + 3, what="start")  # the others go on meanwhile
    fleet.await_lines(1 + 4, what="start")

    gate.touch()
    fleet.await_drained()
    (letter,) = fleet.broker.failed()
    assert letter.id == hung
    assert "TimeLimitExceeded" in letter.error
    assert len(fleet.replies()) == 4
    assert worker.child.poll() is None


def test_what_goes_on_after_it_was_given_up_sends_nothing(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=4)
    # A process that is idle would start afresh without the handler that was given up.
    fleet.send("wait", "b", 0, gate=str(fleet.gate("busy")))
    fleet.send("deaf", "a", 0, queue="photo", gate=str(gate), options={"time_limit": 100, "max_retries": 0})
    fleet.await_lines(2)
    eventually(lambda: fleet.broker.stats().dead == 1)

    gate.touch()

    fleet.await_lines(1, what="refused")
    assert fleet.replies() == []
    assert fleet.broker.stats().accepted == 2

"""Handlers that no interrupt reaches: C code that holds the interpreter, or that does not come back."""

from fleet import LEASE_MS, Fleet
from real_server import eventually


def test_a_call_that_holds_the_interpreter_past_the_lease_is_fenced_and_commits_nothing(fleet: Fleet) -> None:
    fleet.start()
    fleet.send("grip", "a", 0, seconds=2 * LEASE_MS // 1000 + 2)
    (first,) = fleet.await_lines(1)
    fleet.start()
    fleet.send("work", "a", 1)

    fleet.await_lines(2, what="end")
    fleet.await_drained()
    eventually(lambda: [line.pid for line in fleet.lines(what="end")].count(first.pid) == 1)  # it comes back, too late
    fleet.send("work", "a", 2)
    fleet.await_drained()

    ends = [(line.number, line.attempt) for line in fleet.lines(what="end") if line.pid != first.pid]
    assert ends[:2] == [(0, 2), (1, 1)]
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
    fleet.send("deaf", "a", 0, queue="photo", gate=str(gate), options={"time_limit": 100, "max_retries": 0})
    fleet.await_lines(1)
    eventually(lambda: fleet.broker.stats().dead == 1)

    gate.touch()

    fleet.await_lines(1, what="refused")
    assert fleet.replies() == []
    assert fleet.broker.stats().accepted == 1

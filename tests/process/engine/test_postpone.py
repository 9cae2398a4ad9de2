"""Handlers that ask for later."""

import pytest
from fleet import Fleet
from real_server import eventually


@pytest.mark.parametrize(("actor", "queue"), [("postpone", "text"), ("postpone_async", "photo")])
def test_what_is_postponed_runs_again_in_its_place_and_counts_nothing(fleet: Fleet, actor: str, queue: str) -> None:
    until = fleet.gate()
    worker = fleet.start(app="stubborn_app", threads=2)
    fleet.send(actor, "a", 0, queue=queue, until=str(until), ms=20, options={"max_retries": 0})
    fleet.send("work", "a", 1)
    fleet.await_lines(5, user="a", what="start")
    for number in range(20):
        fleet.send("work", "b", number)
    fleet.await_lines(20, user="b", what="end")

    until.touch()
    fleet.await_drained()

    lines = fleet.lines(user="a")
    assert {(line.number, line.attempt) for line in lines} == {(0, 1), (1, 1)}
    assert [(line.number, line.what) for line in lines[-4:]] == [(0, "start"), (0, "end"), (1, "start"), (1, "end")]
    stats = fleet.broker.stats()
    assert (stats.retried, stats.stalled, stats.died, stats.done) == (0, 0, 0, 22)
    assert "Traceback" not in worker.said


def test_what_a_run_sent_before_it_was_postponed_is_sent_once_by_the_run_that_ends(fleet: Fleet) -> None:
    until = fleet.gate()
    fleet.start(app="stubborn_app", threads=2)
    fleet.send("postpone", "a", 0, until=str(until), ms=20)
    fleet.await_lines(3)
    assert fleet.replies() == []

    until.touch()
    fleet.await_drained()

    assert fleet.replies() == [("a", 0)]


def test_what_is_postponed_for_long_is_seen_to_wait_and_can_be_cancelled(fleet: Fleet) -> None:
    fleet.start(app="stubborn_app", threads=2)
    later = fleet.send("postpone", "a", 0, until="/nowhere", ms=600_000)
    fleet.send("work", "a", 1)
    eventually(lambda: fleet.broker.mailbox("a").place == "timed")

    (first, second) = fleet.broker.mailbox("a").messages
    assert (first.id, first.attempts, first.retries) == (later, 0, 0)
    assert 0 < (first.due_in_ms or 0) <= 600_000
    assert second.state == "waiting"
    assert fleet.broker.cancel(later) == "cancelled"
    fleet.await_drained()

    assert [line.number for line in fleet.lines(what="end")] == [1]

"""What operators and senders may do while workers run: cancel, replace by a later one, pause, requeue, refuse."""

import os
import signal

import pytest
from fleet import SHORT_LEASE_MS, Fleet
from real_server import RealServer, eventually

from okos.mailbox import MailboxFull


def test_what_is_cancelled_while_it_waits_never_starts_and_the_next_does(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=2)
    fleet.send("wait", "a", 0, gate=str(gate))
    second = fleet.send("work", "a", 1)
    fleet.send("work", "a", 2)
    fleet.await_lines(1)

    assert fleet.broker.cancel(second) == "cancelled"
    gate.touch()

    fleet.await_drained()
    assert [line.number for line in fleet.lines(what="end")] == [0, 2]
    assert fleet.broker.stats().cancelled == 1
    assert fleet.replies() == [("a", 0), ("a", 2)]


def test_a_head_that_is_cancelled_in_its_backoff_releases_the_next_at_once(fleet: Fleet) -> None:
    fleet.start(threads=2)
    head = fleet.send("work", "a", 0, fails=99, options={"min_backoff": 600_000, "max_backoff": 600_000})
    fleet.send("work", "a", 1)
    fleet.await_lines(1, what="fail")
    eventually(lambda: fleet.broker.stats().timed == 1)

    assert fleet.broker.cancel(head) == "cancelled"

    fleet.await_drained()
    assert fleet.replies() == [("a", 1)]


@pytest.mark.parametrize("actor", ["wait", "wait_async"])
def test_what_is_cancelled_while_it_runs_is_stopped_closed_and_not_tried_again(fleet: Fleet, actor: str) -> None:
    queue = "photo" if actor == "wait_async" else "text"
    fleet.start(threads=1)
    running = fleet.send(actor, "a", 0, queue=queue, gate=str(fleet.gate()))
    fleet.send("work", "a", 1)
    fleet.await_lines(1)

    assert fleet.broker.cancel(running) == "flagged"

    fleet.await_lines(1, what="end")
    fleet.await_drained()
    whats = [line.what for line in fleet.lines() if line.number == 0]
    assert whats == (["start"] if actor == "wait" else ["start", "cancelled", "closed"])
    assert (fleet.broker.stats().cancelled, fleet.broker.stats().retried) == (1, 0)
    assert fleet.replies() == [("a", 1)]


def test_of_five_requests_of_which_the_latest_wins_the_last_is_answered(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=2)
    fleet.send("wait", "a", 0, gate=str(gate), options={"latest_wins": True})
    fleet.await_lines(1)
    for number in range(1, 4):
        fleet.send("wait", "a", number, gate=str(gate), options={"latest_wins": True})
    fleet.send("work", "a", 4, options={"latest_wins": True})

    fleet.await_lines(1, what="end")
    fleet.await_drained()

    assert [line.number for line in fleet.lines(what="end")] == [4]
    assert fleet.broker.stats().cancelled == 4
    assert fleet.replies() == [("a", 4)]


def test_an_update_that_comes_ten_times_runs_once(fleet: Fleet) -> None:
    fleet.start(threads=4)
    for _ in range(5):
        fleet.send("work", "a", 0, options={"dedup_id": "update 7"})
    fleet.await_lines(1, what="end")
    for _ in range(5):  # also when it has long been answered
        fleet.send("work", "a", 0, options={"dedup_id": "update 7"})
    fleet.send("work", "a", 1)

    fleet.await_lines(2, what="end")
    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(["a"], 2)


def test_whoever_has_ten_thousand_waiting_takes_one_turn_of_the_ring_like_everybody(fleet: Fleet) -> None:
    fleet.broker.pause()
    for number in range(10_000):
        fleet.send("work", "busy", number)
    for number in range(100):
        fleet.send("work", f"user {number}", 0)
    # Counted where they are claimed: no thread that is slow to begin changes which were the first.
    fleet.start(threads=8, rate={"all_per_second": 0.000_001, "all_burst": 102})

    fleet.broker.resume()
    firsts = fleet.await_lines(102, what="start")

    assert len(firsts) == 102
    assert len({line.user for line in firsts}) == 101  # nobody's second turn comes before everybody's first
    fleet.broker.cancel_mailbox("busy")
    fleet.await_drained()
    ends = [(line.user, line.number) for line in fleet.lines(what="end")]
    assert len(ends) == len(set(ends))


def test_the_fifty_first_of_a_mailbox_is_refused_and_taken_when_there_is_room(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=2)
    fleet.send("wait", "a", 0, gate=str(gate), options={"max_backlog": 50})
    fleet.await_lines(1)
    for number in range(1, 50):
        fleet.send("work", "a", number, options={"max_backlog": 50})

    with pytest.raises(MailboxFull, match="holds 50 messages"):
        fleet.send("work", "a", 50, options={"max_backlog": 50})
    fleet.send("work", "b", 0, options={"max_backlog": 50})

    gate.touch()
    fleet.await_drained()
    fleet.send("work", "a", 50, options={"max_backlog": 50})
    fleet.await_drained()
    assert [line.number for line in fleet.lines(user="a", what="end")] == list(range(51))


def test_a_pause_lets_what_runs_end_and_outlives_the_server_and_the_workers(server: RealServer, durable: Fleet) -> None:
    gate = durable.gate()
    worker = durable.start(threads=2)
    durable.send("wait", "a", 0, gate=str(gate))
    durable.send("work", "a", 1)
    durable.await_lines(1)

    assert durable.broker.pause("a")
    gate.touch()
    durable.await_lines(1, what="end")
    worker.terminate()
    worker.wait()
    server.kill()
    server.start()
    durable.start(threads=2)
    durable.send("work", "b", 0)
    durable.await_lines(1, user="b", what="end")

    assert durable.broker.mailbox("a").place == "paused"
    assert [line.number for line in durable.lines(user="a", what="start")] == [0]
    assert durable.broker.resume("a")
    durable.await_lines(2, user="a", what="end")
    durable.await_drained()
    assert sorted(durable.replies()) == [("a", 0), ("a", 1), ("b", 0)]


def test_dead_letters_run_once_more_however_often_they_are_requeued(fleet: Fleet) -> None:
    mended = fleet.gate("mended")
    fleet.start(threads=2)
    ids = {
        (user, number): fleet.send("need", user, number, path=str(mended), options={"max_retries": 0})
        for user in "abc"
        for number in (0, 1)
    }
    eventually(lambda: fleet.broker.stats().dead == 6)
    mended.touch()

    assert [fleet.broker.requeue([ids["a", 0]]), fleet.broker.requeue([ids["a", 0]])] == [1, 0]
    assert [fleet.broker.requeue_all(mailbox="b"), fleet.broker.requeue_all(mailbox="b")] == [2, 0]
    assert [fleet.broker.requeue_all(), fleet.broker.requeue_all()] == [3, 0]

    fleet.await_drained()
    assert sorted((line.user, line.number) for line in fleet.lines(what="end")) == sorted(ids)
    assert sorted(fleet.replies()) == sorted(ids)
    assert fleet.broker.failed() == []


def test_a_worker_that_is_frozen_meanwhile_cannot_bring_back_what_was_cancelled(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=2, lease_ms=SHORT_LEASE_MS)
    running = fleet.send("wait", "a", 0, gate=str(gate))
    (first,) = fleet.await_lines(1)

    os.kill(first.pid, signal.SIGSTOP)
    assert fleet.broker.cancel(running) == "flagged"
    fleet.start(threads=2)
    fleet.send("work", "a", 1)
    fleet.await_lines(1, what="end")
    gate.touch()
    os.kill(first.pid, signal.SIGCONT)

    fleet.await_drained()
    assert fleet.replies() == [("a", 1)]
    assert fleet.broker.stats().cancelled == 1

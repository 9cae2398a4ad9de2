"""A worker process of which threads hang starts afresh: in its place, without its master or its siblings noticing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from fleet import Fleet, Line, Worker
from real_server import eventually

AT_ONCE: dict[str, object] = {"time_limit": 100, "max_retries": 0}


def start(fleet: Fleet, *, threads: int, processes: int = 1, grace_ms: int = 20_000, closes: str = "") -> Worker:
    return fleet.start(
        app="stubborn_app",
        threads=threads,
        processes=processes,
        grace_ms=grace_ms,
        environment={"STUBBORN_APP": closes},
    )


def engines(fleet: Fleet) -> dict[int, str]:
    """Name the engine of each process: a process that has started afresh has another one."""
    return {worker.pid: worker.id for worker in fleet.broker.workers()}


def await_fresh_start(fleet: Fleet, cause: Callable[[], object]) -> None:
    """Do what makes a process start afresh, and wait until one has."""
    before = engines(fleet)
    cause()
    eventually(lambda: (now := engines(fleet)).keys() == before.keys() and now != before)


def is_over(pid: int) -> bool:
    """Say whether there is no such process, or nobody has taken notice of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def at_work(fleet: Fleet) -> list[Line]:
    """Return where the messages of users began that have not ended."""
    lines = [line for line in fleet.lines() if line.user.startswith("user")]
    ended = {(line.user, line.number) for line in lines if line.what == "end"}
    return [line for line in lines if line.what == "start" and (line.user, line.number) not in ended]


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def descriptors_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_process_with_one_thread_lost_starts_afresh_when_it_is_idle_and_its_siblings_go_on(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = start(fleet, threads=4, processes=2)
    before = engines(fleet)
    letter = fleet.send("stick", "a", 0, options=AT_ONCE)
    (stuck,) = fleet.await_lines(1)
    fleet.send("wait", "user 0", 0, gate=str(gate))
    eventually(lambda: [one.id for one in fleet.broker.failed()] == [letter])

    gate.touch()
    eventually(lambda: (now := engines(fleet)).keys() == before.keys() and now[stuck.pid] != before[stuck.pid])

    (sibling,) = before.keys() - {stuck.pid}
    assert engines(fleet)[sibling] == before[sibling]
    eventually(lambda: threads_of(stuck.pid) == threads_of(sibling))
    assert descriptors_of(stuck.pid) <= descriptors_of(sibling)
    full = fleet.gate("full")
    for number in range(1, 9):  # as many as both have threads
        fleet.send("wait", f"user {number % 8}", number // 8, gate=str(full))
    eventually(lambda: len(at_work(fleet)) == 8)
    assert {line.pid for line in at_work(fleet)} == before.keys()
    full.touch()
    for number in range(9, 40):
        fleet.send("work", f"user {number % 8}", number // 8, ms=10)
    fleet.await_drained()
    fleet.assert_each_ended_once_in_order([f"user {number}" for number in range(8)], 5)
    worker.terminate()
    assert worker.wait() == 0


def test_half_of_the_threads_lost_what_runs_ends_first_and_what_waits_runs_once_in_order(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = start(fleet, threads=2)
    before = engines(fleet)
    fleet.send("wait", "a", 0, gate=str(gate))
    fleet.await_lines(1)
    fleet.send("stick", "b", 0, options=AT_ONCE)
    for number in range(1, 10):
        fleet.send("work", "a", number)

    eventually(lambda: "starts afresh" in worker.said)
    for number in range(1, 10):
        fleet.send("work", "b", number)
    assert fleet.lines(user="b", what="end") == []
    gate.touch()
    fleet.await_drained()

    assert [line.number for line in fleet.lines(user="a", what="end")] == list(range(10))
    assert [line.number for line in fleet.lines(user="b", what="end")] == list(range(1, 10))
    assert {line.attempt for line in fleet.lines()} == {1}
    assert sorted(fleet.replies()) == sorted([("a", number) for number in range(10)] + [("b", n) for n in range(1, 10)])
    stats = fleet.broker.stats()
    assert (stats.dead, stats.stalled, stats.retried) == (1, 0, 0)
    assert engines(fleet).keys() == before.keys()
    assert worker.child.poll() is None


def test_what_runs_longer_than_the_grace_is_given_back_uncounted(fleet: Fleet) -> None:
    gate = fleet.gate()
    start(fleet, threads=2, grace_ms=300)
    fleet.send("wait", "a", 0, gate=str(gate))
    fleet.await_lines(1)

    await_fresh_start(fleet, lambda: fleet.send("stick", "b", 0, options=AT_ONCE))
    gate.touch()
    fleet.await_drained()

    assert [(line.attempt, line.what) for line in fleet.lines(user="a")] == [(1, "start"), (1, "start"), (1, "end")]
    assert fleet.replies() == [("a", 0)]


def test_a_worker_that_is_stopped_while_it_drains_for_a_fresh_start_stops(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = start(fleet, threads=2)
    fleet.send("wait", "a", 0, gate=str(gate))
    fleet.await_lines(1)
    fleet.send("stick", "b", 0, options=AT_ONCE)
    eventually(lambda: "starts afresh" in worker.said)

    worker.terminate()
    eventually(lambda: "nothing more is claimed" in worker.said)
    gate.touch()

    assert worker.wait() == 0
    assert [line.what for line in fleet.lines(user="a")] == ["start", "end"]
    assert fleet.broker.workers() == []


def test_an_event_loop_that_hangs_is_replaced_with_its_process_though_others_close_on_it(fleet: Fleet) -> None:
    worker = start(fleet, threads=4, closes="on the loop")
    before = engines(fleet)
    fleet.send("clog", "a", 0, queue="photo", options=AT_ONCE)
    fleet.await_lines(1)
    fleet.send("nap", "b", 0, queue="photo", options={"time_limit": 100, "max_retries": 9})

    fleet.await_lines(1, user="b", what="end")

    assert engines(fleet) != before
    assert "the event loop hangs" in worker.said


def test_a_hook_that_hangs_when_the_worker_stops_does_not_keep_a_process_from_starting_afresh(fleet: Fleet) -> None:
    worker = start(fleet, threads=2, closes="never")
    await_fresh_start(fleet, lambda: fleet.send("stick", "a", 0, options=AT_ONCE))

    fleet.send("work", "a", 1)
    fleet.await_lines(1, what="end")

    assert "starts afresh without it" in worker.said
    assert fleet.broker.stats().stalled == 0


def test_a_thread_that_comes_back_after_all_changes_nothing(fleet: Fleet) -> None:
    gate = fleet.gate()
    os.mkfifo(gate)
    worker = start(fleet, threads=8)
    before = engines(fleet)
    busy = fleet.gate("busy")
    fleet.send("wait", "b", 0, gate=str(busy))
    fleet.send("come_back", "a", 0, gate=str(gate), options={"time_limit": 100})
    fleet.send("work", "a", 1)
    fleet.await_lines(2, user="a", what="end")

    with gate.open("w"):
        eventually(lambda: worker.said.count("with unhandled exception") == 1)  # it has come back, and was interrupted
    busy.touch()
    fleet.await_drained()

    assert [(line.number, line.attempt) for line in fleet.lines(user="a", what="end")] == [(0, 2), (1, 1)]
    assert sorted(fleet.replies()) == [("a", 0), ("a", 1), ("b", 0)]
    assert engines(fleet) == before


def test_a_process_starts_afresh_again_and_again_and_its_master_sees_when_it_dies(fleet: Fleet) -> None:
    worker = start(fleet, threads=2)
    (pid,) = engines(fleet)
    for number in (0, 1):
        await_fresh_start(fleet, lambda number=number: fleet.send("stick", "a", number, options=AT_ONCE))  # type: ignore[misc]  # mypy cannot infer it
    fleet.send("work", "a", 2)
    fleet.await_lines(1, what="end")

    os.kill(pid, signal.SIGKILL)

    assert worker.wait() != 0


def test_a_process_that_started_afresh_ends_with_its_master_like_any_other(fleet: Fleet) -> None:
    worker = start(fleet, threads=2)
    (pid,) = engines(fleet)
    await_fresh_start(fleet, lambda: fleet.send("stick", "a", 0, options=AT_ONCE))

    os.kill(worker.child.pid, signal.SIGKILL)

    eventually(lambda: is_over(pid))

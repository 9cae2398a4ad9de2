"""Rates: of a mailbox and of all together, with workers that have threads to spare."""

from fleet import Fleet
from real_server import eventually

#: So slow that within a test nothing more starts than the burst.
NEVER = 0.000_001


def test_a_burst_starts_at_once_and_what_must_wait_holds_no_thread(fleet: Fleet) -> None:
    fleet.start(threads=1, rate={"jobs_per_second": NEVER, "burst": 5})
    for number in range(20):
        fleet.send("work", "a", number)
    fleet.await_lines(5, what="end")
    for user in "bcd":
        fleet.send("work", user, 0)

    fleet.await_lines(8, what="end")

    eventually(lambda: fleet.broker.stats().running == 0)
    assert [line.number for line in fleet.lines(user="a", what="start")] == [0, 1, 2, 3, 4]
    seen = fleet.broker.mailbox("a")
    assert (seen.place, seen.length) == ("timed", 15)


def test_a_limit_of_its_own_is_honoured_by_workers_that_run_already(fleet: Fleet) -> None:
    fleet.start(threads=2, rate={"jobs_per_second": NEVER, "burst": 2})
    for user in "ab":
        for number in range(6):
            fleet.send("work", user, number)
    fleet.await_lines(4, what="end")
    eventually(lambda: fleet.broker.stats().timed == 2)

    fleet.broker.limit("a", jobs_per_second=0)

    fleet.await_lines(6, user="a", what="end")
    assert len(fleet.lines(user="b", what="start")) == 2
    fleet.broker.limit("b", burst=4)
    fleet.await_lines(4, user="b", what="end")
    eventually(lambda: fleet.broker.mailbox("b").place == "timed")
    assert len(fleet.lines(user="b", what="start")) == 4


def test_retries_are_free(fleet: Fleet) -> None:
    fleet.start(threads=2, rate={"jobs_per_second": NEVER, "burst": 2})
    fleet.send("work", "a", 0, fails=3)
    for number in (1, 2):
        fleet.send("work", "a", number)

    fleet.await_lines(2, what="end")
    eventually(lambda: fleet.broker.mailbox("a").place == "timed" and fleet.broker.stats().running == 0)

    assert [line.number for line in fleet.lines(what="start")] == [0, 0, 0, 0, 1]


def test_a_limit_of_all_together_counts_the_starts_of_all_processes(fleet: Fleet) -> None:
    first = fleet.start(threads=4, rate={"all_per_second": NEVER, "all_burst": 10})
    second = fleet.start(threads=4, rate={"all_per_second": NEVER, "all_burst": 10})
    gate = fleet.gate()
    for user in range(20):
        fleet.send("wait", f"user {user}", 0, gate=str(gate))
        fleet.send("work", f"user {user}", 1)

    fleet.await_lines(8)  # as many as both have threads
    gate.touch()
    fleet.await_lines(10, what="end")
    eventually(lambda: fleet.broker.stats().running == 0)

    assert len(fleet.lines(what="start")) == 10
    assert len({line.pid for line in fleet.lines()}) == 2
    for worker in (first, second):
        worker.terminate()
        worker.wait()
    fleet.start(threads=4)  # it brings another policy: no limit
    fleet.await_drained()
    fleet.assert_each_ended_once_in_order([f"user {user}" for user in range(20)], 2)

"""A worker that stops gives back at once what it has claimed and not started."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import Fleet
from real_server import eventually


@pytest.fixture
def fleet(url: str, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(url, namespace, tmp_path)
    yield fleet
    fleet.stop()


def test_what_was_claimed_and_not_started_runs_elsewhere_while_the_rest_has_its_grace(fleet: Fleet) -> None:
    gate = fleet.gate()
    stopped = fleet.start(threads=2)
    (stopped_pid,) = {worker.pid for worker in fleet.broker.workers()}
    for number in range(50):  # short handlers: it will claim ahead of its threads
        fleet.send("work", "warm", number)
    fleet.await_drained()
    for user in ("a", "b"):
        fleet.send("wait", user, 0, gate=str(gate))
    fleet.await_lines(1, user="a")
    fleet.await_lines(1, user="b")
    for number in range(10):
        fleet.send("work", f"user {number}", 0)
    eventually(lambda: fleet.broker.stats().running == 12)

    fleet.start(threads=2)
    stopped.terminate()
    for number in range(10):
        fleet.await_lines(1, user=f"user {number}", what="end")

    assert stopped.child.poll() is None
    gate.touch()
    assert stopped.wait() == 0
    fleet.await_drained()
    lines = [line for line in fleet.lines() if line.user.startswith("user")]
    assert len(lines) == 20
    assert stopped_pid not in {line.pid for line in lines}
    assert {line.attempt for line in fleet.lines()} == {1}
    assert [line.what for line in fleet.lines(user="a")] == ["start", "end"]

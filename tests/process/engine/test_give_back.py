"""A worker gives back what it has claimed and cannot start soon: another may have a thread for it."""

from fleet import Fleet
from real_server import eventually


def test_what_was_claimed_ahead_of_handlers_that_turn_out_long_runs_elsewhere(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=2)
    (busy_pid,) = {worker.pid for worker in fleet.broker.workers()}
    for number in range(50):  # short handlers: it will claim ahead of its threads
        fleet.send("work", "warm", number)
    fleet.await_drained()
    fleet.broker.pause()
    for user in ("a", "b"):
        fleet.send("wait", user, 0, gate=str(gate))
    for number in range(10):
        fleet.send("work", f"user {number}", 0)
    fleet.broker.resume()  # all that it may have, at once
    for user in ("a", "b"):
        fleet.await_lines(1, user=user)

    eventually(lambda: fleet.broker.stats().running == 2)
    fleet.start(threads=2)
    for number in range(10):
        fleet.await_lines(1, user=f"user {number}", what="end")

    gate.touch()
    fleet.await_drained()
    assert {line.pid for line in fleet.lines() if line.user in {"a", "b"}} == {busy_pid}
    assert len([line for line in fleet.lines() if line.user.startswith("user")]) == 20
    assert {line.attempt for line in fleet.lines()} == {1}
    assert fleet.broker.stats().stalled == 0

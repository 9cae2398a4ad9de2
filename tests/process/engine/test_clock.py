"""Wall clocks that jump by an hour, of workers and of the server, while messages run."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fleet import SHORT_LEASE_MS, Fleet
from real_server import a_server, eventually

HOUR_S = 3600


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile what moves the clock of a process that preloads it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("shim") / "shift.so"
    source = Path(__file__).with_name("shift.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def test_workers_whose_clocks_are_an_hour_apart_and_jump_do_all_in_time_and_order(fleet: Fleet, shim: Path) -> None:
    gate = fleet.gate()
    shifts = [fleet.directory / name for name in ("ahead", "behind")]
    for path, shift_s in zip(shifts, (HOUR_S, -HOUR_S), strict=True):
        path.write_text(str(shift_s))
        fleet.start(threads=4, environment={"LD_PRELOAD": str(shim), "CLOCK_SHIFT": str(path)})
    users = [f"user {number}" for number in range(6)]
    for user in users:
        fleet.send("wait", user, 0, gate=str(gate))
        fleet.send("work", user, 1, fails=1)
        fleet.send("work", user, 2)
    fleet.send("work", "later", 0, delay=500)
    started = fleet.await_lines(6)
    assert max(line.at_s for line in started) - min(line.at_s for line in started) > HOUR_S  # the shim does its work

    for path, shift_s in zip(shifts, (-HOUR_S, HOUR_S), strict=True):
        path.write_text(str(shift_s))
    fleet.await_lines(1, user="later", what="end")
    gate.touch()

    fleet.await_drained()
    for user in users:
        assert [line.number for line in fleet.lines(user=user, what="end")] == [0, 1, 2]
    stats = fleet.broker.stats()
    assert (stats.stalled, stats.died, stats.retried) == (0, 0, 6)
    assert sorted(fleet.replies()) == sorted([(user, n) for user in users for n in range(3)] + [("later", 0)])


@contextmanager
def a_fleet(
    shim: Path, shift: Path, namespace: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fleet]:
    """Run workers on a server whose clock is moved by what is written to `shift`."""
    with ExitStack() as stack:
        with monkeypatch.context() as preloaded:
            preloaded.setenv("LD_PRELOAD", str(shim))
            preloaded.setenv("CLOCK_SHIFT", str(shift))
            server = stack.enter_context(a_server())
        fleet = Fleet(server.url, namespace, directory)
        stack.callback(fleet.stop)
        yield fleet


def jump(fleet: Fleet, shift: Path, seconds: int) -> None:
    shift.write_text(str(seconds))
    # the shim does its work; a server looks at its clock once for all that it does in one go
    eventually(lambda: abs(fleet.broker.store.client.time()[0] - time.time() - seconds) < HOUR_S / 2)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_server_whose_clock_jumps_takes_no_lease_away_and_holds_nobody_up(
    shim: Path, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    gate, shift = tmp_path / "gate", tmp_path / "shift"
    with a_fleet(shim, shift, namespace, tmp_path, monkeypatch) as fleet:
        for _ in range(2):
            fleet.start(threads=4)
        fleet.send("wait", "a", 0, gate=str(gate))
        fleet.send("work", "a", 1)
        fleet.await_lines(1)
        fleet.send("work", "c", 0, fails=1, options={"min_backoff": 500, "max_backoff": 500})
        fleet.await_lines(1, user="c", what="fail")
        fleet.send("work", "d", 0, delay=500)

        jump(fleet, shift, jump_s)

        fleet.broker.sweep()  # an hour is longer than any lease
        for user in "cd":
            fleet.await_lines(1, user=user, what="end")
        fleet.broker.sweep()
        assert fleet.broker.stats().stalled == 0
        gate.touch()
        fleet.await_drained()

        assert [line.number for line in fleet.lines(user="a", what="end")] == [0, 1]
        assert {line.attempt for line in fleet.lines() if line.user != "c"} == {1}
        assert sorted(fleet.replies()) == [("a", 0), ("a", 1), ("c", 0), ("d", 0)]


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_what_a_killed_worker_ran_when_the_clock_jumped_runs_again(
    shim: Path, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    gate, shift = tmp_path / "gate", tmp_path / "shift"
    with a_fleet(shim, shift, namespace, tmp_path, monkeypatch) as fleet:
        fleet.start(lease_ms=SHORT_LEASE_MS)
        fleet.send("wait", "a", 0, gate=str(gate))
        fleet.send("work", "a", 1)
        (first,) = fleet.await_lines(1)

        jump(fleet, shift, jump_s)
        os.kill(first.pid, signal.SIGKILL)

        fleet.start()
        fleet.await_lines(2, user="a")
        gate.touch()
        fleet.await_drained()

        assert [line.number for line in fleet.lines(user="a", what="end")] == [0, 1]
        assert sorted(fleet.replies()) == [("a", 0), ("a", 1)]

"""`okos demo`: a worker is killed, and its users notice nothing but a pause."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from local_commands import Machine, a_machine
from real_server import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[Machine]:
    with a_machine() as machine:
        yield machine


def test_every_message_is_answered_once_and_in_order_though_a_worker_is_killed(machine: Machine) -> None:
    # Nothing of the machine's own settings has a part in it, least of all its model.
    done = machine.okos(
        "demo", "--json", OKOS_MODEL__BASE_URL="http://127.0.0.1:1/v1", OKOS_HANDLERS="missing", OKOS_REDIS_URL="x://"
    )

    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["ok"]
    assert [user["answered"] for user in report["users"]] == [8] * 8
    assert report["doubled"] == 0
    assert report["kill"]["held"] >= 1
    assert report["kill"]["rerun_ms"] > 0
    assert report["concurrency"] >= 2
    assert list(machine.temporary.iterdir()) == []


def test_it_tells_what_happens_and_ends_with_a_table_and_what_to_try_next(machine: Machine) -> None:
    done = machine.okos("demo", "--users", "2", "--messages", "2")

    assert (done.returncode, done.stderr) == (0, "")
    for said in ("is killed with SIGKILL", "Its messages run again", "In order", "Ada", "exactly once", "okos chat"):
        assert said in done.stdout


def test_on_a_terminal_it_draws(machine: Machine) -> None:
    with machine.on_a_terminal("demo", "--users", "1", "--messages", "1") as terminal:
        assert terminal.status() == 0
        terminal.wait_for("exactly once")
        assert "runs" in terminal.shown()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_nothing_left_behind(machine: Machine, signum: signal.Signals) -> None:
    with machine.started("demo", "--messages", "100") as command:
        assert command.stdout is not None
        lines = iter(command.stdout.readline, "")
        assert any("Ready" in line for line in lines)
        command.send_signal(signum)

        assert command.wait(60) == 128 + signum
        eventually(lambda: list(machine.temporary.iterdir()) == [])

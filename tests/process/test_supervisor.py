"""The supervisor with real children: stand-ins that write down what happens to them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from okos.child import spawn
from okos.up.lifecycle import STEADY_MS
from okos.up.supervisor import Child, Supervisor

Wait = Callable[[Callable[[], object]], None]

CODE = """
import os, signal, subprocess, sys, time
name, on_term, log = sys.argv[1:]
def note(what):
    with open(log, "a") as file:
        file.write(f"{name} {what}\\n")
def term(*_):
    note("terminated")
    if on_term == "exit": sys.exit(0)
signal.signal(signal.SIGTERM, term)
if on_term == "fork": print(subprocess.Popen(["sleep", "600"]).pid, file=open(log + ".pid", "w"), flush=True)
note("started")
while True: time.sleep(0.01)
"""


class Stage:
    """A supervisor on a clock that the test moves, stepped by a thread, and what its children wrote down."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "log"
        self.log.touch()
        self.now_ms = 0
        self.thread: threading.Thread | None = None

    def child(self, name: str, *, stage: int = 0, on_term: str = "exit", grace_ms: int = 1000) -> Child:
        def start() -> subprocess.Popen[bytes]:
            return spawn([sys.executable, "-c", CODE, name, on_term, str(self.log)], output=None)

        return Child(name=name, start=start, stage=stage, grace_ms=grace_ms)

    def run(self, *children: Child) -> Supervisor:
        supervisor = Supervisor(children, log=structlog.stdlib.get_logger(), clock=lambda: self.now_ms)
        self.thread = threading.Thread(target=supervisor.run, daemon=True)
        self.thread.start()
        self.supervisor = supervisor
        return supervisor

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


def is_over(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    if stage.thread is not None:
        stage.supervisor.stop_at_once()
        stage.thread.join(60)
        assert not stage.thread.is_alive()


def test_a_killed_child_is_started_again_after_its_wait(stage: Stage, wait_until: Wait) -> None:
    supervisor = stage.run(stage.child("a"))
    wait_until(lambda: stage.lines() == ["a started"])

    supervisor.send("a", signal.SIGKILL)

    wait_until(lambda: supervisor.pids() == {"a": None})
    assert stage.lines() == ["a started"]
    stage.now_ms += 200
    wait_until(lambda: stage.lines() == ["a started", "a started"])
    assert supervisor.failures() == {"a": 1}
    stage.now_ms += STEADY_MS
    wait_until(lambda: supervisor.failures() == {"a": 0})


def test_stages_stop_one_after_the_other(stage: Stage, wait_until: Wait) -> None:
    supervisor = stage.run(
        stage.child("last", stage=2), stage.child("first"), stage.child("slow", stage=1, on_term="stay")
    )
    wait_until(lambda: len(stage.lines()) == 3)

    supervisor.stop()

    wait_until(lambda: stage.lines()[3:] == ["first terminated", "slow terminated"])
    assert supervisor.pids()["last"] is not None
    stage.now_ms += 1000  # the grace of the one that stays
    wait_until(lambda: stage.lines()[5:] == ["last terminated"])
    assert stage.thread is not None
    stage.thread.join(60)
    assert supervisor.pids() == {"last": None, "first": None, "slow": None}


def test_a_stop_at_once_kills_what_has_not_stopped(stage: Stage, wait_until: Wait) -> None:
    supervisor = stage.run(stage.child("a", on_term="stay"))
    wait_until(stage.lines)
    supervisor.stop()
    wait_until(lambda: stage.lines() == ["a started", "a terminated"])

    supervisor.stop_at_once()

    wait_until(lambda: supervisor.pids() == {"a": None})


def test_what_a_killed_child_left_behind_is_killed_too(stage: Stage, wait_until: Wait) -> None:
    supervisor = stage.run(stage.child("a", on_term="fork"))
    wait_until(stage.lines)
    grandchild = int(Path(f"{stage.log}.pid").read_text())
    master = supervisor.pids()["a"]
    assert master is not None

    os.kill(master, signal.SIGKILL)

    wait_until(lambda: is_over(grandchild))


def test_a_program_that_is_not_there_is_tried_again_later(stage: Stage, wait_until: Wait) -> None:
    def start() -> subprocess.Popen[bytes]:
        return spawn(["/no/such/program"], output=None)

    supervisor = stage.run(Child(name="a", start=start, stage=0, grace_ms=0), stage.child("b"))

    wait_until(lambda: supervisor.failures()["a"] == 1)
    wait_until(stage.lines)


def test_each_child_leads_a_session_of_its_own(stage: Stage, wait_until: Wait) -> None:
    supervisor = stage.run(stage.child("a"), stage.child("b"))
    wait_until(lambda: len(stage.lines()) == 2)

    pids = [pid for pid in supervisor.pids().values() if pid is not None]

    assert [os.getsid(pid) for pid in pids] == pids

"""The worker processes of one measurement: started, held at the gate, let go, awaited, stopped."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate import count_waiting, let_go
from benchmarks.ledger import Run, count_runs, read_runs
from benchmarks.patience import Impatient, wait_until
from okos.child import kill_session, spawn

PROCESSES = 2
THREADS = 8
_BOOT_S = 60
_STOP_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Worker processes that have booted."""

    directory: Path

    def let_go(self) -> None:
        """Let all of them start at the same moment."""
        let_go(self.directory)

    def wait_for(self, messages: int, *, deadline_s: float) -> None:
        """Wait until so many runs are on record, or the deadline; what is missing, the result tells."""
        try:
            wait_until(lambda: count_runs(self.directory) >= messages, "all is handled", deadline_s=deadline_s)
        except Impatient as error:
            print(error, file=sys.stderr)

    def runs(self) -> list[Run]:
        """Return the runs on record."""
        return read_runs(self.directory)


@contextmanager
def dramatiq_crew(contestant: str, url: str) -> Iterator[Crew]:
    """Run the contestant's workers under the stock `dramatiq` command for the block."""
    command = [
        *(sys.executable, "-m", "dramatiq", "benchmarks.worker"),
        *("--processes", str(PROCESSES), "--threads", str(THREADS)),
    ]
    with _crew([command], processes=PROCESSES, environment={"BENCH_URL": url, "BENCH_CONTESTANT": contestant}) as crew:
        yield crew


@contextmanager
def bare_crew(url: str, *, threads: int, messages_per_thread: int, sleep_ms: int) -> Iterator[Crew]:
    """Run bare threads, in as many OS processes as the contestants have."""
    share = threads // PROCESSES
    commands = [
        [
            *(sys.executable, "-m", "benchmarks.bare", "--url", url, "--directory", "{directory}"),
            *("--first-user", str(index * share), "--threads", str(share)),
            *("--messages", str(messages_per_thread), "--sleep-ms", str(sleep_ms)),
        ]
        for index in range(PROCESSES)
    ]
    with _crew(commands, processes=PROCESSES, environment={}) as crew:
        yield crew


@contextmanager
def _crew(commands: Sequence[Sequence[str]], *, processes: int, environment: dict[str, str]) -> Iterator[Crew]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okos-bench-")))
        log = stack.enter_context((directory / "log").open("w+b"))
        for command in commands:
            child = spawn(
                [word.replace("{directory}", str(directory)) for word in command],
                output=log,
                environment=os.environ | environment | {"BENCH_DIRECTORY": str(directory)},
                death_signal=signal.SIGTERM,  # so that dramatiq stops its workers
            )
            stack.callback(_stop, child)
        try:
            wait_until(lambda: count_waiting(directory) == processes, "all workers have booted", deadline_s=_BOOT_S)
        except Impatient:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        yield Crew(directory=directory)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a command as an operator does; when that takes too long, kill it and all that it started."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_STOP_S)
    kill_session(child)
    child.wait()

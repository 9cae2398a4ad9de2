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

from benchmarks.contestant import CONTESTANTS
from benchmarks.gate import let_go, waiting_pids
from benchmarks.ledger import Run, count_runs, read_runs
from benchmarks.patience import Impatient, wait_until
from okos.child import kill_session, reap, spawn

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
        with suppress(Impatient):
            wait_until(lambda: count_runs(self.directory) >= messages, "all is handled", deadline_s=deadline_s)

    def pids(self) -> list[int]:
        """Return the worker processes."""
        return waiting_pids(self.directory)

    def runs(self) -> list[Run]:
        """Return the runs on record."""
        return read_runs(self.directory)


@contextmanager
def crew_of(
    contestant: str,
    url: str,
    *,
    threads: int = THREADS,
    is_apart: bool = False,
    lease_ms: int | None = None,
    notes_starts: bool = False,
    streams: bool = False,
) -> Iterator[Crew]:
    """Run the contestant's workers for the block, Dramatiq's under the stock command.

    Args:
        contestant: Its name.
        url: The server.
        threads: Handlers at once, in each process.
        is_apart: No worker process ends because another did.
        lease_ms: For Okos; None: its default.
        notes_starts: The ledger has each start, too.
        streams: The handlers are coroutines that tell tokens.
    """
    commands = CONTESTANTS[contestant].work_commands(processes=PROCESSES, threads=threads, is_apart=is_apart)
    settings = {
        "BENCH_URL": url,
        "BENCH_CONTESTANT": contestant,
        "BENCH_THREADS": str(threads),
        "BENCH_LEASE_MS": str(lease_ms or ""),
        "BENCH_STARTS": "1" if notes_starts else "",
        "BENCH_STREAMS": "1" if streams else "",
    }
    with _crew(commands, processes=PROCESSES, environment=settings) as crew:
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
        children = []
        for command in commands:
            child = spawn(
                [word.replace("{directory}", str(directory)) for word in command],
                output=log,
                environment=os.environ | environment | {"BENCH_DIRECTORY": str(directory)},
                death_signal=signal.SIGTERM,  # so that dramatiq stops its workers
            )
            stack.callback(reap, child)
            children.append(child)
        try:
            wait_until(lambda: len(waiting_pids(directory)) == processes, "all workers have booted", deadline_s=_BOOT_S)
        except Impatient:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        yield Crew(directory=directory)
        _stop(children)


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the commands as an operator does; when that takes too long, kill them and all that they started."""
    for child in children:
        child.terminate()
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_S)
        kill_session(child)
        child.wait()

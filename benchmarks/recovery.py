"""What becomes of the messages that a worker process is handling when it is killed (SIGKILL).

A second process goes on working; nobody starts the killed one again. Measured is when another start of what was cut off
is seen.
"""

import math
import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.crew import PROCESSES, THREADS, crew_of
from benchmarks.figure import Handled, faults_of
from benchmarks.ledger import Run, Start, count_runs, read_starts
from benchmarks.patience import wait_until
from benchmarks.publishing import publish
from benchmarks.server import running_server
from benchmarks.workload import Workload

_START_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Handled):
    """How messages came back that were cut off.

    Attributes:
        lease_ms: Of Okos, in force for this measurement.
        deadline_s: How long it was waited for, from the kill.
        cut_off: Messages whose handlers were running in the killed process.
        come_back: How many of them started again.
        first_s: From the kill to the first such start; NaN if there was none.
        last_s: To the last one of those that came back.
    """

    lease_ms: int
    deadline_s: int
    cut_off: int
    come_back: int
    first_s: float
    last_s: float


def recovery(contestant: str, workload: Workload, *, lease_ms: int, deadline_s: int) -> Recovered:
    """Kill a worker process in the middle of the workload, and wait until all is handled, or for the deadline."""
    with running_server() as server:
        publish(contestant, server.url, workload)
        with crew_of(contestant, server.url, is_apart=True, lease_ms=lease_ms, notes_starts=True) as crew:
            crew.let_go()
            wait_until(lambda: count_runs(crew.directory) >= PROCESSES * THREADS, "handlers run", deadline_s=_START_S)
            time.sleep(workload.sleep_ms / 3000)  # into the middle of those that follow
            victim = crew.pids()[0]
            killed_ns = time.monotonic_ns()
            os.kill(victim, signal.SIGKILL)
            crew.wait_for(workload.messages, deadline_s=deadline_s)
            runs, starts = crew.runs(), read_starts(crew.directory)
    cut_off = cut_off_by(victim, starts, runs)
    again_s = [(start.start_ns - killed_ns) / 1e9 for start in first_again(cut_off, starts, after_ns=killed_ns)]
    return Recovered(
        contestant=contestant,
        lease_ms=lease_ms,
        deadline_s=deadline_s,
        cut_off=len(cut_off),
        come_back=len(again_s),
        first_s=min(again_s, default=math.nan),
        last_s=max(again_s, default=math.nan),
        **faults_of(workload.messages, runs),
    )


def cut_off_by(victim: int, starts: Iterable[Start], runs: Iterable[Run]) -> set[tuple[int, int]]:
    """Return the messages that started in the killed process and did not end there."""
    ended = {(run.user, run.seq, run.start_ns) for run in runs}
    return {
        (start.user, start.seq)
        for start in starts
        if start.pid == victim and (start.user, start.seq, start.start_ns) not in ended
    }


def first_again(messages: set[tuple[int, int]], starts: Sequence[Start], *, after_ns: int) -> list[Start]:
    """Return of each of these messages the first start after an instant, if there was one."""
    again: dict[tuple[int, int], Start] = {}
    for start in starts:
        if start.start_ns > after_ns and (start.user, start.seq) in messages:
            again.setdefault((start.user, start.seq), start)
    return list(again.values())

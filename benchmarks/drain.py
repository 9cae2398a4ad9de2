"""Drain: all is published, then the workers start together and work it off.

Throughput is counted from the first start to the last end of a handler, so that booting is not in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.contestant import BARE, FIXED_KEYS
from benchmarks.crew import PROCESSES, THREADS, bare_crew, crew_of
from benchmarks.figure import Handled, faults_of
from benchmarks.ledger import Run
from benchmarks.publishing import publish
from benchmarks.server import running_server
from benchmarks.workload import Workload

_DEADLINE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Handled):
    """How a contestant worked off a workload that was waiting in full when its workers started."""

    users: int
    messages_per_user: int
    sleep_ms: int
    seconds: float
    handled_per_s: float
    published_per_s: float = math.nan
    publish_cpu_us: float = math.nan
    """The server's, per message, until all were published; the next is from then on."""
    drain_cpu_us: float = math.nan
    server_commands: float = math.nan
    """Per message, publishing included; so is the next."""
    round_trips: float = math.nan
    waiting_bytes: float = math.nan
    """That the server's memory grew by, per waiting message."""
    lasting_keys: int = 0
    """Keys without an expiry that are left when all is done and the workers have gone."""
    fixed_keys: int = 0
    """Of them, those that Okos has once for all, whatever it handled."""


def drain(contestant: str, workload: Workload) -> Drain:
    """Publish all, then start the workers, and measure until the last handler has ended."""
    with running_server() as server:
        empty, empty_bytes = server.counters(), server.used_bytes()
        published = publish(contestant, server.url, workload)
        full, full_bytes = server.counters(), server.used_bytes()
        with crew_of(contestant, server.url) as crew:
            crew.let_go()
            crew.wait_for(workload.messages, deadline_s=_DEADLINE_S)
            runs = crew.runs()
        end = server.counters()
        spent = end.since(empty)
        lasting = server.lasting_keys()
        return replace(
            _drained(contestant, workload, runs),
            published_per_s=workload.messages / published.seconds,
            publish_cpu_us=full.since(empty).cpu_us / workload.messages,
            drain_cpu_us=end.since(full).cpu_us / workload.messages,
            server_commands=spent.commands / workload.messages,
            round_trips=spent.reads / workload.messages,
            waiting_bytes=(full_bytes - empty_bytes) / workload.messages,
            lasting_keys=len(lasting),
            fixed_keys=len(FIXED_KEYS.intersection(lasting)),
        )


def drain_bare(workload: Workload) -> Drain:
    """Do the same sleeps in bare threads: as many as there are slots, or users when there are fewer."""
    threads = min(workload.users, PROCESSES * THREADS)
    with (
        running_server() as server,
        bare_crew(
            server.url,
            threads=threads,
            messages_per_thread=workload.messages // threads,
            sleep_ms=workload.sleep_ms,
        ) as crew,
    ):
        crew.let_go()
        crew.wait_for(workload.messages, deadline_s=_DEADLINE_S)
        return _drained(BARE, workload, crew.runs())


def _drained(contestant: str, workload: Workload, runs: Sequence[Run]) -> Drain:
    seconds = (max(run.end_ns for run in runs) - runs[0].start_ns) / 1e9 if runs else math.nan
    return Drain(
        contestant=contestant,
        users=workload.users,
        messages_per_user=workload.messages_per_user,
        sleep_ms=workload.sleep_ms,
        seconds=seconds,
        handled_per_s=len(runs) / seconds,
        **faults_of(workload.messages, runs),
    )

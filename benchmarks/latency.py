"""Publish to start: idle workers, one message at a time at a steady pace; and what idle workers ask of the server."""

import math
import time
from dataclasses import dataclass

from benchmarks.crew import PROCESSES, crew_of
from benchmarks.figure import Handled, faults_of, percentile
from benchmarks.publishing import publish
from benchmarks.server import running_server
from benchmarks.workload import Workload

_SETTLE_S = 2
_DEADLINE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Handled):
    """How long after its publish a message's handler started, while nothing else waited."""

    rate_per_s: int
    p50_ms: float
    p99_ms: float
    idle_round_trips_per_s: float
    """Per worker process, once all is done; so is the next, which counts what scripts do, too."""
    idle_commands_per_s: float


def latency(contestant: str, *, rate_per_s: int, messages: int, idle_s: int) -> Latency:
    """Publish to idle workers at a steady pace, each message of another user, then leave the workers idle.

    Args:
        contestant: Whose.
        rate_per_s: The pace.
        messages: How many.
        idle_s: For how long they are watched; 0: they are not.
    """
    workload = Workload(users=messages, messages_per_user=1, rate_per_s=rate_per_s)
    with running_server() as server, crew_of(contestant, server.url) as crew:
        crew.let_go()
        time.sleep(min(idle_s or _SETTLE_S, _SETTLE_S))  # the workers settle into idling, as they would be
        published = publish(contestant, server.url, workload)
        crew.wait_for(messages, deadline_s=_DEADLINE_S)
        time.sleep(min(idle_s, _SETTLE_S))
        before = server.counters()
        time.sleep(idle_s)
        idle = server.counters().since(before)
        runs = crew.runs()
    waits_ms = [(run.start_ns - published.published_ns[run.user]) / 1e6 for run in runs]
    return Latency(
        contestant=contestant,
        rate_per_s=rate_per_s,
        p50_ms=percentile(waits_ms, 50),
        p99_ms=percentile(waits_ms, 99),
        idle_round_trips_per_s=(idle.reads - 1) / idle_s / PROCESSES if idle_s else math.nan,
        idle_commands_per_s=(idle.commands - 1) / idle_s / PROCESSES if idle_s else math.nan,
        **faults_of(messages, runs),
    )

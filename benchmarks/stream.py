"""Conversations that stream at the same time: coroutines that tell tokens at a steady pace, all of them at once."""

import math
from dataclasses import dataclass

from benchmarks.crew import PROCESSES, crew_of
from benchmarks.figure import Handled, faults_of, percentile
from benchmarks.ledger import read_delays_us
from benchmarks.publishing import publish
from benchmarks.server import running_server
from benchmarks.workload import Workload

_DEADLINE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed(Handled):
    """How well so many streams at once kept their times.

    Attributes:
        started_ms: From the first handler's start to the last one's: until all were streaming.
        ideal_s: How long one stream takes.
        seconds: From the first handler's start to the last one's end.
        p50_ms: How late a token was; its time counts from its own handler's start.
        p99_ms: The same.
        most_ms: The same.
    """

    conversations: int
    tokens: int
    token_ms: int
    started_ms: float
    ideal_s: float
    seconds: float
    p50_ms: float
    p99_ms: float
    most_ms: float


def stream(contestant: str, workload: Workload) -> Streamed:
    """Publish a message for each conversation, then start workers with a slot for every one of them."""
    with running_server() as server:
        publish(contestant, server.url, workload)
        with crew_of(contestant, server.url, threads=-(-workload.messages // PROCESSES), streams=True) as crew:
            crew.let_go()
            crew.wait_for(workload.messages, deadline_s=_DEADLINE_S)
            runs = crew.runs()
            delays_ms = [delay_us / 1000 for delay_us in read_delays_us(crew.directory)]
    starts_ns = [run.start_ns for run in runs]
    return Streamed(
        contestant=contestant,
        conversations=workload.messages,
        tokens=workload.tokens,
        token_ms=workload.token_ms,
        started_ms=(starts_ns[-1] - starts_ns[0]) / 1e6 if runs else math.nan,
        ideal_s=workload.tokens * workload.token_ms / 1000,
        seconds=(max(run.end_ns for run in runs) - starts_ns[0]) / 1e9 if runs else math.nan,
        p50_ms=percentile(delays_ms, 50),
        p99_ms=percentile(delays_ms, 99),
        most_ms=max(delays_ms, default=math.nan),
        **faults_of(workload.messages, runs),
    )

"""The measurements. Each starts a server and workers of its own, and returns figures.

Throughput is counted from the first start to the last end of a handler, so that booting is not in it.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from benchmarks.contestant import CONTESTANTS
from benchmarks.crew import PROCESSES, THREADS, bare_crew, dramatiq_crew
from benchmarks.ledger import Run, count_doubled, count_out_of_order
from benchmarks.server import running_server

BARE = "bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So many users, so many messages each; published in turn: the first of everyone, then the second."""

    users: int
    messages_per_user: int
    sleep_ms: int = 0
    deadline_s: int = 180

    @property
    def messages(self) -> int:
        """How many there are in all."""
        return self.users * self.messages_per_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """How a contestant worked off a workload that was waiting in full when its workers started."""

    contestant: str
    users: int
    messages_per_user: int
    sleep_ms: int
    missing: int
    out_of_order: int
    doubled: int
    seconds: float
    published_per_s: float
    handled_per_s: float
    publish_cpu_us: float
    """The server's, per message, until all were published; the next is from then on."""
    drain_cpu_us: float
    server_commands: float
    """Per message, publishing included; so is the next."""
    round_trips: float
    lasting_keys: int
    """Keys without an expiry that are left when all is done and the workers have gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long after its publish a message's handler started, while nothing else waited."""

    contestant: str
    rate_per_s: int
    missing: int
    out_of_order: int
    doubled: int
    p50_ms: float
    p99_ms: float
    idle_round_trips_per_s: float
    """Per worker process, once all is done; so is the next."""
    idle_commands_per_s: float


Result = TypeVar("Result", Drain, Latency)


def drain(contestant: str, workload: Workload) -> Drain:
    """Publish all, then start the workers, and measure until the last handler has ended."""
    with running_server() as server:
        empty = server.counters()
        publish_s = _publish(contestant, server.url, workload)
        full = server.counters()
        with dramatiq_crew(contestant, server.url) as crew:
            crew.let_go()
            crew.wait_for(workload.messages, deadline_s=workload.deadline_s)
            runs = crew.runs()
        end = server.counters()
        spent = end.since(empty)
        return replace(
            _drained(contestant, workload, runs),
            published_per_s=workload.messages / publish_s,
            publish_cpu_us=full.since(empty).cpu_us / workload.messages,
            drain_cpu_us=end.since(full).cpu_us / workload.messages,
            server_commands=spent.commands / workload.messages,
            round_trips=spent.reads / workload.messages,
            lasting_keys=len(server.lasting_keys()),
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
        crew.wait_for(workload.messages, deadline_s=workload.deadline_s)
        return _drained(BARE, workload, crew.runs())


def latency(contestant: str, *, rate_per_s: int, messages: int, idle_s: int) -> Latency:
    """Publish at a steady rate to idle workers, then leave them idle."""
    with running_server() as server, dramatiq_crew(contestant, server.url) as crew:
        crew.let_go()
        time.sleep(min(idle_s, 2))  # the workers settle into idling, as they would be
        published_ns = _publish_steadily(contestant, server.url, rate_per_s=rate_per_s, messages=messages)
        crew.wait_for(messages, deadline_s=60)
        time.sleep(min(idle_s, 2))
        before = server.counters()
        time.sleep(idle_s)
        idle = server.counters().since(before)
        runs = crew.runs()
    waits_ms = [(run.start_ns - published_ns[run.seq]) / 1e6 for run in runs] or [float("nan")]
    return Latency(
        contestant=contestant,
        rate_per_s=rate_per_s,
        missing=messages - len({run.seq for run in runs}),
        out_of_order=count_out_of_order(runs),
        doubled=count_doubled(runs),
        p50_ms=percentile(waits_ms, 50),
        p99_ms=percentile(waits_ms, 99),
        idle_round_trips_per_s=(idle.reads - 1) / idle_s / PROCESSES,  # 1: our own reading
        idle_commands_per_s=(idle.commands - 1) / idle_s / PROCESSES,
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def median_of(rounds: Sequence[Result]) -> Result:
    """Return the median of every figure; of faults (missing, out of order, doubled, keys left) the worst."""
    first = rounds[0]
    changes: dict[str, Any] = {}  # by field name: a count or a figure
    for field in fields(first):
        values = [getattr(result, field.name) for result in rounds]
        if isinstance(values[0], float):
            changes[field.name] = statistics.median(values)
        elif isinstance(values[0], int):
            changes[field.name] = max(values)
    return replace(first, **changes)


def _drained(contestant: str, workload: Workload, runs: Sequence[Run]) -> Drain:
    seconds = (max(run.end_ns for run in runs) - runs[0].start_ns) / 1e9 if runs else float("nan")
    return Drain(
        contestant=contestant,
        users=workload.users,
        messages_per_user=workload.messages_per_user,
        sleep_ms=workload.sleep_ms,
        missing=max(0, workload.messages - len(runs)),
        out_of_order=count_out_of_order(runs),
        doubled=count_doubled(runs),
        seconds=seconds,
        published_per_s=float("nan"),
        handled_per_s=len(runs) / seconds,
        publish_cpu_us=float("nan"),
        drain_cpu_us=float("nan"),
        server_commands=float("nan"),
        round_trips=float("nan"),
        lasting_keys=0,
    )


def _publish(contestant: str, url: str, workload: Workload) -> float:
    """Publish the workload from one thread, one call a message; return the seconds it took."""
    publisher = CONTESTANTS[contestant]
    broker = publisher.connect(url)
    actor = publisher.declare(broker, lambda _user, _seq, _sleep_ms: None)
    started_s = time.monotonic()
    for seq in range(workload.messages_per_user):
        for user in range(workload.users):
            actor.send_with_options(args=(user, seq, workload.sleep_ms), **publisher.options_for(user))
    spent_s = time.monotonic() - started_s
    broker.close()
    return spent_s


def _publish_steadily(contestant: str, url: str, *, rate_per_s: int, messages: int) -> list[int]:
    """Publish messages at equal distances, each of another user; return when, by number."""
    publisher = CONTESTANTS[contestant]
    broker = publisher.connect(url)
    actor = publisher.declare(broker, lambda _user, _seq, _sleep_ms: None)
    started_s = time.monotonic()
    published_ns: list[int] = []
    for number in range(messages):
        time.sleep(max(0, started_s + number / rate_per_s - time.monotonic()))
        published_ns.append(time.monotonic_ns())
        actor.send_with_options(args=(number, number, 0), **publisher.options_for(number))
    broker.close()
    if time.monotonic() - started_s > 2 * messages / rate_per_s + 1:
        print(f"{contestant} could not publish {rate_per_s} messages/s.", file=sys.stderr)
    return published_ns

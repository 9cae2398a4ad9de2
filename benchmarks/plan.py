"""What is measured, how often, and about how long that takes."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.carry import carry
from benchmarks.drain import drain, drain_bare
from benchmarks.figure import Figures
from benchmarks.latency import latency
from benchmarks.recovery import recovery
from benchmarks.stream import stream
from benchmarks.workload import Workload

PARTS = {
    "throughput": "no-op handlers, all published before the workers start",
    "handlers": "the same with handlers that take time, beside bare threads",
    "latency": "publish to start while nothing else waits, and what idle workers ask",
    "cost": "the server's CPU and memory by how many mailboxes wait (Okos alone)",
    "streams": "conversations that stream at the same time",
    "recovery": "kill -9 of a worker process, until its messages run again",
}

#: A measurement's server, publisher and workers, from their start to their end, and reading what they did.
_AROUND_S = 3.0
#: A message's share of a drain with no-op handlers, published and handled; with a mutex it is much more.
_DRAIN_MS, _MUTEX_MS = 0.3, 0.6
_CARRY_MS = 0.3
_CROWD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        latencies: (messages a second, messages, idle seconds after them) each.
        mailboxes: How many wait, in each measurement of the cost.
        lease_ms: Of Okos, when a process is killed.
        recovery_s: How long it is waited for what a killed process held.
        is_crowded: Measure side by side, and not one after the other: quick, and no figure means anything.
    """

    rounds: int
    throughput: tuple[Workload, ...]
    handlers: tuple[Workload, ...]
    latencies: tuple[tuple[int, int, int], ...]
    mailboxes: tuple[int, ...]
    streams: Workload
    recovery: Workload
    lease_ms: int
    recovery_s: int
    is_crowded: bool = False


FULL = Plan(
    rounds=3,
    throughput=(Workload(users=1_000, messages_per_user=20), Workload(users=10, messages_per_user=1_000)),
    handlers=(
        Workload(users=200, messages_per_user=20, sleep_ms=20),
        Workload(users=10, messages_per_user=100, sleep_ms=20),
    ),
    latencies=((50, 500, 0), (1, 30, 10)),
    mailboxes=(1_000, 10_000, 100_000),
    streams=Workload(users=1_000, messages_per_user=1, tokens=50, token_ms=50),
    recovery=Workload(users=40, messages_per_user=2, sleep_ms=1_000),
    lease_ms=15_000,
    recovery_s=120,
)
QUICK = Plan(
    rounds=1,
    throughput=(Workload(users=20, messages_per_user=10), Workload(users=4, messages_per_user=20)),
    handlers=(Workload(users=8, messages_per_user=3, sleep_ms=20),),
    latencies=((50, 25, 1),),
    mailboxes=(100, 1_000),
    streams=Workload(users=40, messages_per_user=1, tokens=10, token_ms=20),
    recovery=Workload(users=40, messages_per_user=2, sleep_ms=150),
    lease_ms=3_000,
    recovery_s=15,
    is_crowded=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Measurements of one kind.

    Attributes:
        calls: One makes one row.
        seconds: About how long one round of them takes.
        at_once: How many are made side by side.
    """

    name: str
    calls: tuple[Callable[[], Figures], ...]
    rounds: int
    seconds: float
    at_once: int = 1


def parts_of(plan: Plan, contestants: Collection[str], names: Collection[str]) -> list[Part]:
    """Return the parts of a plan that were asked for, in the order in which they are measured."""
    # Nothing else waits for a mutex in these, so nobody else holds it: it would be stock once more.
    without_mutex = [name for name in contestants if name != "mutex"]
    makers: dict[str, Callable[[], Part]] = {
        "throughput": lambda: _throughput(plan, contestants),
        "handlers": lambda: _handlers(plan, contestants),
        "latency": lambda: _latency(plan, without_mutex),
        "cost": lambda: _cost(plan, contestants),
        "streams": lambda: _streams(plan, without_mutex),
        "recovery": lambda: _recovery(plan, without_mutex),
    }
    parts = [part for name in makers if name in names and (part := makers[name]()).calls]
    return [_crowded(parts)] if plan.is_crowded and parts else parts


def estimate_s(parts: Sequence[Part]) -> float:
    """Return about how long they take."""
    return sum(part.seconds * part.rounds / part.at_once for part in parts)


def _throughput(plan: Plan, contestants: Collection[str]) -> Part:
    return Part(
        name="throughput",
        calls=tuple(partial(drain, name, load) for load in plan.throughput for name in contestants),
        rounds=plan.rounds,
        seconds=sum(
            _AROUND_S + load.messages * (_MUTEX_MS if name == "mutex" else _DRAIN_MS) / 1000
            for load in plan.throughput
            for name in contestants
        ),
    )


def _handlers(plan: Plan, contestants: Collection[str]) -> Part:
    calls: list[Callable[[], Figures]] = []
    for load in plan.handlers:
        calls.append(partial(drain_bare, load))
        calls += [partial(drain, name, load) for name in contestants]
    return Part(
        name="handlers",
        calls=tuple(calls),
        rounds=plan.rounds,
        seconds=sum(
            (len(contestants) + 1) * (_AROUND_S + load.messages * load.sleep_ms / 1000 / min(16, load.users))
            for load in plan.handlers
        ),
    )


def _latency(plan: Plan, contestants: Collection[str]) -> Part:
    return Part(
        name="latency",
        calls=tuple(
            partial(latency, name, rate_per_s=rate_per_s, messages=messages, idle_s=idle_s)
            for rate_per_s, messages, idle_s in plan.latencies
            for name in contestants
        ),
        rounds=plan.rounds,
        seconds=sum(
            len(contestants) * (_AROUND_S + 2 + messages / rate_per_s + idle_s)
            for rate_per_s, messages, idle_s in plan.latencies
        ),
    )


def _cost(plan: Plan, contestants: Collection[str]) -> Part:
    return Part(
        name="cost",
        calls=tuple(partial(carry, number) for number in plan.mailboxes if "okos" in contestants),
        rounds=plan.rounds,
        seconds=sum(1 + number * _CARRY_MS / 1000 for number in plan.mailboxes),
    )


def _streams(plan: Plan, contestants: Collection[str]) -> Part:
    return Part(
        name="streams",
        calls=tuple(partial(stream, name, plan.streams) for name in contestants),
        rounds=plan.rounds,
        seconds=len(contestants) * (_AROUND_S + 2 * plan.streams.tokens * plan.streams.token_ms / 1000),
    )


def _recovery(plan: Plan, contestants: Collection[str]) -> Part:
    """Once, and side by side: all they do is wait."""
    return Part(
        name="recovery",
        calls=tuple(
            partial(recovery, name, plan.recovery, lease_ms=plan.lease_ms, deadline_s=plan.recovery_s)
            for name in contestants
        ),
        rounds=1,
        seconds=len(contestants) * (plan.recovery_s + _AROUND_S + 3),
        at_once=max(1, len(contestants)),
    )


def _crowded(parts: Sequence[Part]) -> Part:
    """Make one part of all, first what waits longest."""
    return Part(
        name="everything at once",
        calls=tuple(call for part in reversed(parts) for call in part.calls),
        rounds=1,
        seconds=sum(part.seconds for part in parts),
        at_once=_CROWD,
    )

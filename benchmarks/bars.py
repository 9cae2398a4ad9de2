"""The aims: what Okos should reach, and whether the figures do.

Where it is beside another, both sides are of the same run.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.carry import Carried
from benchmarks.contestant import BARE
from benchmarks.drain import Drain
from benchmarks.figure import Figures, Handled
from benchmarks.latency import Latency
from benchmarks.recovery import Recovered
from benchmarks.stream import Streamed
from okos.mailbox.options import EngineOptions

F = TypeVar("F", bound=Figures)

MANY_USERS_TIMES, FEW_USERS_TIMES = 3.0, 1.5
CPU_TIMES = 0.5
BARE_TIMES = 1.10
#: By the pace, messages a second.
P50_MS = {50: 2.0}
P99_MS = {50: 10.0, 1: 20.0}
IDLE_PER_S = 1.0
GROWTH_TIMES = 2.0
STREAM_P99_MS = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An aim and what was measured.

    Attributes:
        what: What is compared with what.
        aim: What it should be.
        measured: What it is.
        is_met: None: could not be told.
    """

    what: str
    aim: str
    measured: str
    is_met: bool | None

    @property
    def verdict(self) -> str:
        """Return it as a word."""
        return {True: "met", False: "missed", None: "not measured"}[self.is_met]


def bars_of(figures: Sequence[Figures]) -> list[Bar]:
    """Hold the figures to the aims; an aim that nothing was measured for is left out."""
    drains = _of(Drain, figures)
    return [
        *_throughput([one for one in drains if not one.sleep_ms]),
        *_handlers([one for one in drains if one.sleep_ms]),
        *_latency(_ours(_of(Latency, figures))),
        *_cost(_of(Carried, figures)),
        *_streams(_ours(_of(Streamed, figures))),
        *_recovery(_ours(_of(Recovered, figures))),
        *_faults(_ours(_of(Handled, figures))),
    ]


def _throughput(drains: Sequence[Drain]) -> Iterator[Bar]:
    loads = list(dict.fromkeys((one.users, one.messages_per_user) for one in drains))
    for number, (users, messages) in enumerate(sorted(loads, reverse=True)):
        load = f"{users:,} users x {messages:,}"
        ours = _named("okos", drains, users)
        stock = _named("stock", drains, users)
        if ours is None or stock is None:
            continue
        yield _at_least(
            f"throughput in order against stock Dramatiq without order, {load}",
            FEW_USERS_TIMES if number else MANY_USERS_TIMES,
            ours.handled_per_s / stock.handled_per_s,
            "{:.2f} x",
        )
        if not number:
            yield _at_most(
                f"the server's CPU per message to drain against stock Dramatiq, {load}",
                CPU_TIMES,
                ours.drain_cpu_us / stock.drain_cpu_us,
                "{:.2f} x",
            )
        yield _none(f"keys of mailboxes and messages left, {load}", ours.lasting_keys - ours.fixed_keys, "{:,.0f}")


def _handlers(drains: Sequence[Drain]) -> Iterator[Bar]:
    for bare in drains:
        ours = _named("okos", drains, bare.users)
        if bare.contestant == BARE and ours is not None:
            load = f"{bare.users:,} users x {bare.messages_per_user:,}"
            yield _at_most(
                f"handlers of {bare.sleep_ms} ms, {load}, against bare threads",
                BARE_TIMES,
                ours.seconds / bare.seconds,
                "{:.2f} x",
            )


def _latency(latencies: Sequence[Latency]) -> Iterator[Bar]:
    for one in latencies:
        pace = f"publish to start at {one.rate_per_s} messages/s"
        if one.rate_per_s in P50_MS:
            yield _at_most(f"{pace}, p50", P50_MS[one.rate_per_s], one.p50_ms, "{:.1f} ms")
        if one.rate_per_s in P99_MS:
            yield _at_most(f"{pace}, p99", P99_MS[one.rate_per_s], one.p99_ms, "{:.1f} ms")
        if not math.isnan(one.idle_commands_per_s):
            yield _at_most("round trips of an idle worker process", IDLE_PER_S, one.idle_round_trips_per_s, "{:.2f}/s")


def _cost(costs: Sequence[Carried]) -> Iterator[Bar]:
    if len(costs) > 1:
        few, many = (pick(costs, key=lambda one: one.mailboxes) for pick in (min, max))
        yield _at_most(
            f"the server's CPU to claim and settle with {many.mailboxes:,} waiting mailboxes against {few.mailboxes:,}",
            GROWTH_TIMES,
            many.run_us / few.run_us,
            "{:.2f} x",
        )
        yield _none("memory of an idle mailbox", many.idle_bytes, "{:.1f} bytes")


def _streams(streams: Sequence[Streamed]) -> Iterator[Bar]:
    for one in streams:
        yield _at_most(
            f"{one.conversations:,} conversations streaming at once, delay of a token, p99",
            STREAM_P99_MS,
            one.p99_ms,
            "{:.0f} ms",
        )


def _recovery(recoveries: Sequence[Recovered]) -> Iterator[Bar]:
    for one in recoveries:
        yield _at_most(
            "first run again after kill -9 of a worker process: lease and sweep",
            (one.lease_ms + EngineOptions(lease_ms=one.lease_ms).sweep_ms) / 1000,
            one.first_s,
            "{:.1f} s",
        )


def _faults(handled: Sequence[Handled]) -> Iterator[Bar]:
    if handled:
        counts = [sum(getattr(one, kind) for one in handled) for kind in ("missing", "doubled", "out_of_order")]
        yield Bar(
            what="messages lost, doubled, reordered, in all of these",
            aim="0, 0, 0",
            measured=", ".join(f"{count:,}" for count in counts),
            is_met=not any(counts),
        )


def _at_least(what: str, aim: float, measured: float, pattern: str) -> Bar:
    return _bar(what, f"≥ {pattern.format(aim)}", measured, pattern, is_met=measured >= aim)


def _at_most(what: str, aim: float, measured: float, pattern: str) -> Bar:
    return _bar(what, f"≤ {pattern.format(aim)}", measured, pattern, is_met=measured <= aim)


def _none(what: str, measured: float, pattern: str) -> Bar:
    return _bar(what, "0", measured, pattern, is_met=measured == 0)


def _bar(what: str, aim: str, measured: float, pattern: str, *, is_met: bool) -> Bar:
    if math.isnan(measured):
        return Bar(what=what, aim=aim, measured="", is_met=None)
    return Bar(what=what, aim=aim, measured=pattern.format(measured), is_met=is_met)


def _of(kind: type[F], figures: Iterable[Figures]) -> list[F]:
    return [one for one in figures if isinstance(one, kind)]


def _ours(figures: Iterable[F]) -> list[F]:
    return [one for one in figures if one.contestant == "okos"]


def _named(contestant: str, drains: Iterable[Drain], users: int) -> Drain | None:
    return next((one for one in drains if one.contestant == contestant and one.users == users), None)

"""The figures as a reader gets them: Markdown (also fit for a terminal) and JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from benchmarks.bars import bars_of
from benchmarks.carry import Carried
from benchmarks.contestant import BARE, TITLES
from benchmarks.crew import PROCESSES, THREADS
from benchmarks.drain import Drain
from benchmarks.figure import Figures, Handled
from benchmarks.latency import Latency
from benchmarks.recovery import Recovered
from benchmarks.stream import Streamed
from benchmarks.table import number, ratio, table

F = TypeVar("F", bound=Figures)

_FAULTS = ("out of order", "doubled", "missing", "others")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one run measured, medians of its rounds, and on what."""

    command: str
    rounds: int
    machine: Mapping[str, str]
    figures: tuple[Figures, ...]
    left_out: tuple[str, ...] = ()
    """What was not measured, and why."""

    def as_json(self) -> dict[str, Any]:
        """Return the report as what json can write; a figure that could not be measured is null."""
        kinds: dict[str, type[Figures]] = {
            "drains": Drain,
            "latencies": Latency,
            "costs": Carried,
            "streams": Streamed,
            "recoveries": Recovered,
        }
        return {
            "command": self.command,
            "rounds": self.rounds,
            "machine": dict(self.machine),
            "left_out": list(self.left_out),
            "bars": [asdict(bar) | {"verdict": bar.verdict} for bar in bars_of(self.figures)],
            **{name: [_without_nan(asdict(one)) for one in _of(kind, self.figures)] for name, kind in kinds.items()},
        }

    def as_markdown(self) -> str:
        """Return the report as a section of a page."""
        machine = "; ".join(f"{what}: {value}" for what, value in self.machine.items())
        parts = [
            f"Measured with `{self.command}`: {_rounds(self.rounds)}, {PROCESSES} processes x {THREADS}. {machine}.",
            *(f"Left out: {one}." for one in self.left_out),
            *_section("Aims", self._bars_table()),
        ]
        drains = _of(Drain, self.figures)
        for users, messages, sleep_ms in dict.fromkeys(
            (one.users, one.messages_per_user, one.sleep_ms) for one in drains
        ):
            load = f"{users:,} users x {messages:,} messages"
            chosen = [
                one for one in drains if (one.users, one.messages_per_user, one.sleep_ms) == (users, messages, sleep_ms)
            ]
            if sleep_ms:
                parts += _section(f"Drain, {load}, handlers of {sleep_ms} ms", _handler_table(chosen))
            else:
                parts += _section(f"Drain, {load}, no-op handlers", _throughput_table(chosen))
                parts += ["What that costs the server:", _server_table(chosen)]
        latencies = _of(Latency, self.figures)
        for rate_per_s in dict.fromkeys(one.rate_per_s for one in latencies):
            chosen_latencies = [one for one in latencies if one.rate_per_s == rate_per_s]
            parts += _section(f"Publish to start, {rate_per_s} messages/s", _latency_table(chosen_latencies))
        parts += _section("Okos by how many mailboxes wait", _cost_table(_of(Carried, self.figures)))
        for one in _of(Streamed, self.figures)[:1]:
            title = (
                f"{one.conversations:,} conversations at once, {one.tokens} tokens each, one every {one.token_ms} ms"
            )
            parts += _section(title, _stream_table(_of(Streamed, self.figures)))
        parts += _section(
            "Run again after kill -9 of one of two worker processes", _recovery_table(_of(Recovered, self.figures))
        )
        return "\n\n".join(parts)

    def _bars_table(self) -> str:
        bars = bars_of(self.figures)
        rows = [(bar.what, bar.aim, bar.measured, bar.verdict) for bar in bars]
        return table(("what", "aim", "measured", ""), rows) if rows else ""


def _section(title: str, body: str) -> list[str]:
    return [f"### {title}", body] if body else []


def _throughput_table(drains: Sequence[Drain]) -> str:
    stock = _base("stock", drains, "handled_per_s")
    return table(
        ("contestant", "messages/s", "x stock", "published/s", *_FAULTS),
        [
            (
                TITLES[one.contestant],
                number(one.handled_per_s, ",.0f"),
                ratio(one.handled_per_s, stock),
                number(one.published_per_s, ",.0f"),
                *_faults(one),
            )
            for one in drains
        ],
    )


def _server_table(drains: Sequence[Drain]) -> str:
    stock = _base("stock", drains, "drain_cpu_us")
    stock_sum = _base("stock", drains, "publish_cpu_us") + stock
    return table(
        (
            *("contestant", "CPU us to drain", "x stock", "to publish", "sum x stock"),
            *("commands", "round trips", "bytes waiting", "keys left"),
        ),
        [
            (
                TITLES[one.contestant],
                number(one.drain_cpu_us, ".1f"),
                ratio(one.drain_cpu_us, stock),
                number(one.publish_cpu_us, ".1f"),
                ratio(one.publish_cpu_us + one.drain_cpu_us, stock_sum),
                number(one.server_commands, ".1f"),
                number(one.round_trips, ".2f"),
                number(one.waiting_bytes, ",.0f"),
                f"{one.lasting_keys:,}",
            )
            for one in drains
        ],
    )


def _handler_table(drains: Sequence[Drain]) -> str:
    bare = _base(BARE, drains, "seconds")
    return table(
        ("contestant", "seconds", "x bare threads", "CPU us to drain", "commands", "round trips", *_FAULTS),
        [
            (
                TITLES[one.contestant],
                number(one.seconds, ".2f"),
                ratio(one.seconds, bare),
                number(one.drain_cpu_us, ".1f"),
                number(one.server_commands, ".1f"),
                number(one.round_trips, ".2f"),
                *_faults(one),
            )
            for one in drains
        ],
    )


def _latency_table(latencies: Sequence[Latency]) -> str:
    is_watched = any(not math.isnan(one.idle_commands_per_s) for one in latencies)
    idle_head = ("round trips/s when idle", "commands/s when idle") if is_watched else ()
    return table(
        ("contestant", "p50 ms", "p99 ms", *idle_head, *_FAULTS),
        [
            (
                TITLES[one.contestant],
                number(one.p50_ms, ".1f"),
                number(one.p99_ms, ".1f"),
                *(number(idle, ".2f") for idle in (one.idle_round_trips_per_s, one.idle_commands_per_s) if is_watched),
                *_faults(one),
            )
            for one in latencies
        ],
    )


def _cost_table(costs: Sequence[Carried]) -> str:
    if not costs:
        return ""
    return table(
        (
            *("waiting mailboxes", "CPU us to publish", "to claim and settle", "x first"),
            *("bytes waiting", "bytes just ended", "bytes idle", "others"),
        ),
        [
            (
                f"{one.mailboxes:,}",
                number(one.publish_us, ".1f"),
                number(one.run_us, ".1f"),
                ratio(one.run_us, costs[0].run_us),
                number(one.memory_bytes, ",.0f"),
                number(max(0.0, one.ended_bytes), ",.0f"),
                number(one.idle_bytes, ".0f"),
                _others(one),
            )
            for one in costs
        ],
        texts=0,
    )


def _stream_table(streams: Sequence[Streamed]) -> str:
    return table(
        ("contestant", "token p50 ms late", "p99", "most", "all started after ms", "seconds", "x ideal", *_FAULTS),
        [
            (
                TITLES[one.contestant],
                number(one.p50_ms, ",.1f"),
                number(one.p99_ms, ",.1f"),
                number(one.most_ms, ",.0f"),
                number(one.started_ms, ",.0f"),
                number(one.seconds, ".2f"),
                ratio(one.seconds, one.ideal_s),
                *_faults(one),
            )
            for one in streams
        ],
    )


def _recovery_table(recoveries: Sequence[Recovered]) -> str:
    if not recoveries:
        return ""
    return table(
        ("contestant", "cut off", "run again", "the first after", "the last after", *_FAULTS),
        [
            (
                TITLES[one.contestant],
                f"{one.cut_off}",
                f"{one.come_back}",
                number(one.first_s, ".1f", " s") or f"> {one.deadline_s} s",
                number(one.last_s, ".1f", " s") if one.come_back == one.cut_off else f"> {one.deadline_s} s",
                *_faults(one),
            )
            for one in recoveries
        ],
    )


def _rounds(number_of: int) -> str:
    return "one round" if number_of == 1 else f"medians of {number_of} rounds"


def _faults(one: Handled) -> tuple[str, ...]:
    return f"{one.out_of_order:,}", f"{one.doubled:,}", f"{one.missing:,}", _others(one)


def _others(one: Figures) -> str:
    return number(one.others_percent, ".0f", " %")


def _base(contestant: str, drains: Iterable[Drain], figure: str) -> float:
    return next((float(getattr(one, figure)) for one in drains if one.contestant == contestant), math.nan)


def _of(kind: type[F], figures: Iterable[Figures]) -> list[F]:
    return [one for one in figures if isinstance(one, kind)]


def _without_nan(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in figures.items()}

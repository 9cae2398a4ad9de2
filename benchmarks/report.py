"""The figures as a reader gets them: Markdown tables (also fit for a terminal) and JSON."""

import math
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contestant import CONTESTANTS
from benchmarks.crew import PROCESSES, THREADS
from benchmarks.measure import BARE, Drain, Latency
from benchmarks.server import running_server

_TITLES = {name: contestant.title for name, contestant in CONTESTANTS.items()} | {
    BARE: "bare threads, one round trip each"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one run measured, medians of its rounds, and on what."""

    command: str
    rounds: int
    machine: dict[str, str]
    drains: tuple[Drain, ...]
    latencies: tuple[Latency, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as what json can write; a figure that could not be measured is null."""
        return {
            "command": self.command,
            "rounds": self.rounds,
            "machine": self.machine,
            "drains": [_without_nan(asdict(drain)) for drain in self.drains],
            "latencies": [_without_nan(asdict(latency)) for latency in self.latencies],
        }

    def as_markdown(self) -> str:
        """Return the report as a section of a page."""
        parts = [
            f"Measured with `{self.command}`: medians of {self.rounds}, "
            f"{PROCESSES} processes x {THREADS} threads. "
            + "; ".join(f"{what}: {value}" for what, value in self.machine.items())
            + "."
        ]
        for (users, messages_per_user, sleep_ms), drains in _by_workload(self.drains).items():
            work = f"handlers of {sleep_ms} ms" if sleep_ms else "no-op handlers"
            table = _handler_table(drains) if sleep_ms else _throughput_table(drains)
            parts += [f"### Drain, {users:,} users x {messages_per_user:,} messages, {work}", table]
        for rate_per_s in sorted({latency.rate_per_s for latency in self.latencies}, reverse=True):
            chosen = [latency for latency in self.latencies if latency.rate_per_s == rate_per_s]
            parts += [f"### Publish to start of the handler, {rate_per_s} messages/s", _latency_table(chosen)]
        return "\n\n".join(parts)


def describe_machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    with running_server() as server:
        server_version = server.version()
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "server": f"{server_version}, append-only file every second, Unix socket",
        **{name: version(name) for name in ("okos", "dramatiq", "redis")},
        "commit": _commit(),
    }


def _throughput_table(drains: Sequence[Drain]) -> str:
    base = _named("stock", drains)
    return _table(
        (
            *("contestant", "messages/s", "x stock", "CPU us to publish", "to drain", "x stock", "sum x stock"),
            *("commands", "round trips", "published/s", "out of order", "doubled", "missing", "keys left"),
        ),
        [
            (
                _TITLES[drain.contestant],
                f"{drain.handled_per_s:,.0f}",
                _ratio(drain.handled_per_s, base.handled_per_s if base else math.nan),
                f"{drain.publish_cpu_us:.1f}",
                f"{drain.drain_cpu_us:.1f}",
                _ratio(drain.drain_cpu_us, base.drain_cpu_us if base else math.nan),
                _ratio(_cpu_us(drain), _cpu_us(base) if base else math.nan),
                f"{drain.server_commands:.1f}",
                f"{drain.round_trips:.2f}",
                f"{drain.published_per_s:,.0f}",
                *(
                    f"{drain.out_of_order:,}",
                    f"{drain.doubled:,}",
                    f"{drain.missing:,}",
                    f"{drain.lasting_keys:,}",
                ),
            )
            for drain in drains
        ],
    )


def _handler_table(drains: Sequence[Drain]) -> str:
    base = _named(BARE, drains)
    return _table(
        ("contestant", "seconds", "x bare threads", "out of order", "doubled", "missing"),
        [
            (
                _TITLES[drain.contestant],
                f"{drain.seconds:.2f}",
                _ratio(drain.seconds, base.seconds if base else math.nan),
                *(f"{drain.out_of_order:,}", f"{drain.doubled:,}", f"{drain.missing:,}"),
            )
            for drain in drains
        ],
    )


def _latency_table(latencies: Sequence[Latency]) -> str:
    return _table(
        ("contestant", "p50 ms", "p99 ms", "round trips/s when idle", "commands/s when idle", "missing"),
        [
            (
                _TITLES[latency.contestant],
                f"{latency.p50_ms:.1f}",
                f"{latency.p99_ms:.1f}",
                f"{latency.idle_round_trips_per_s:.2f}",
                f"{latency.idle_commands_per_s:.2f}",
                f"{latency.missing:,}",
            )
            for latency in latencies
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        _line(head, widths),
        "| " + " | ".join(_rule(widths)) + " |",
        *(_line(row, widths) for row in rows),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"


def _rule(widths: Sequence[int]) -> list[str]:
    return ["-" * width if not column else "-" * (width - 1) + ":" for column, width in enumerate(widths)]


def _ratio(value: float, base: float) -> str:
    return "" if math.isnan(base) else f"{value / base:.2f}"


def _cpu_us(drain: Drain) -> float:
    return drain.publish_cpu_us + drain.drain_cpu_us


def _named(contestant: str, drains: Iterable[Drain]) -> Drain | None:
    return next((drain for drain in drains if drain.contestant == contestant), None)


def _by_workload(drains: Iterable[Drain]) -> dict[tuple[int, int, int], list[Drain]]:
    groups: dict[tuple[int, int, int], list[Drain]] = {}
    for drain in drains:
        groups.setdefault((drain.users, drain.messages_per_user, drain.sleep_ms), []).append(drain)
    return groups


def _without_nan(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in figures.items()}


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _commit() -> str:
    """Return the short id of what is measured; `+` after it: with changes that are not committed."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()

"""The command line: `python -m benchmarks` measures everything; `--quick` only proves that the harness works.

Tables go to stdout (or JSON with `--json`), progress to stderr. A full run also writes them down beside this
file: results.json, and the results in README.md.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contestant import CONTESTANTS
from benchmarks.measure import Drain, Latency, Result, Workload, drain, drain_bare, latency, median_of
from benchmarks.report import Report, describe_machine

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    rounds: int
    throughput: tuple[Workload, ...]
    handlers: tuple[Workload, ...]
    latencies: tuple[tuple[int, int], ...]
    """Pairs of a rate per second and a number of messages."""
    idle_s: int


FULL = Plan(
    rounds=3,
    throughput=(Workload(users=1_000, messages_per_user=20), Workload(users=10, messages_per_user=1_000)),
    handlers=(
        Workload(users=200, messages_per_user=20, sleep_ms=20),
        Workload(users=10, messages_per_user=100, sleep_ms=20),
    ),
    latencies=((50, 500), (1, 30)),
    idle_s=10,
)
QUICK = Plan(
    rounds=1,
    throughput=(Workload(users=20, messages_per_user=10),),
    handlers=(Workload(users=8, messages_per_user=3, sleep_ms=20),),
    latencies=((50, 25),),
    idle_s=1,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and tell by the exit status whether every message was handled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small numbers, one round: the figures mean nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--only", choices=("throughput", "handlers", "latency"), help="measure only this")
    args = parser.parse_args(arguments)

    plan = QUICK if args.quick else FULL
    drains, latencies = _measure(plan, args.contestants, args.only)
    report = Report(
        command=" ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)]),
        rounds=plan.rounds,
        machine=describe_machine(),
        drains=tuple(drains),
        latencies=tuple(latencies),
    )
    print(_as_json(report) if args.json else report.as_markdown())
    is_whole = not args.quick and not args.only and args.contestants == list(CONTESTANTS)
    if is_whole:
        _write_down(report)
    return 1 if sum(drain.missing for drain in drains) + sum(latency.missing for latency in latencies) else 0


def _measure(plan: Plan, contestants: Sequence[str], only: str | None) -> tuple[list[Drain], list[Latency]]:
    """Measure all in every round, the contestants in turn, so that a slow minute hits each of them."""
    drain_calls: list[Callable[[], Drain]] = []
    latency_calls: list[Callable[[], Latency]] = []
    if only in (None, "throughput"):
        drain_calls += [partial(drain, name, load) for load in plan.throughput for name in contestants]
    if only in (None, "handlers"):
        for load in plan.handlers:
            drain_calls.append(partial(drain_bare, load))
            drain_calls += [partial(drain, name, load) for name in contestants]
    if only in (None, "latency"):
        latency_calls += [
            partial(latency, name, rate_per_s=rate_per_s, messages=messages, idle_s=plan.idle_s)
            for rate_per_s, messages in plan.latencies
            for name in contestants
            if name != "mutex"  # nothing else waits, so nobody else holds it: it would be stock once more
        ]
    drains: list[list[Drain]] = []
    latencies: list[list[Latency]] = []
    for number in range(1, plan.rounds + 1):
        print(f"Round {number} of {plan.rounds}", file=sys.stderr)
        drains.append([_told(call()) for call in drain_calls])
        latencies.append([_told(call()) for call in latency_calls])
    return (
        [median_of(rounds) for rounds in zip(*drains, strict=True)],
        [median_of(rounds) for rounds in zip(*latencies, strict=True)],
    )


def _as_json(report: Report) -> str:
    return json.dumps(report.as_json(), indent=2)


def _write_down(report: Report) -> None:
    """Put the figures beside this file: all of them as JSON, and as tables between the marks in the page."""
    (_HERE / "results.json").write_text(_as_json(report) + "\n", encoding="utf-8")
    page = _HERE / "README.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition("<!-- results -->\n")
    _, end, after = rest.partition("<!-- end of results -->\n")
    page.write_text(f"{before}{begin}{report.as_markdown()}\n{end}{after}", encoding="utf-8")


def _told(result: Result) -> Result:
    print(f"  {result}", file=sys.stderr)
    return result


if __name__ == "__main__":
    sys.exit(main())

"""Run a plan: all parts in every round, the contestants in turn, so that a slow minute hits each of them."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import redis

from benchmarks.figure import Figures, median_of
from benchmarks.machine import now, others_percent
from benchmarks.patience import Impatient
from benchmarks.plan import Part
from benchmarks.publishing import PublishFailed
from okos.errors import OkosError

#: What makes one measurement fail, and not the run.
_FAILURES = (Impatient, PublishFailed, redis.RedisError, OkosError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The medians of all rounds, in the order of the plan; and the measurements that failed, a few words each."""

    figures: tuple[Figures, ...]
    failures: tuple[str, ...]


def measure(parts: Sequence[Part]) -> Measured:
    """Measure; what fails is told and left out."""
    rounds: dict[tuple[str, int], list[Figures]] = {}
    failures: list[str] = []
    started_s = time.monotonic()
    for number in range(1, max(part.rounds for part in parts) + 1):
        for part in parts:
            if number > part.rounds:
                continue
            spent_s = time.monotonic() - started_s
            _tell(f"{spent_s // 60:.0f}:{spent_s % 60:02.0f} round {number} of {part.rounds}, {part.name}")
            for index, one in enumerate(_run(part.calls, part.at_once)):
                if isinstance(one, Figures):
                    _tell(f"  {shown(one)}")
                    rounds.setdefault((part.name, index), []).append(one)
                else:
                    failures.append(f"a measurement of {part.name} failed ({type(one).__name__})")
                    _tell(f"  failed: {one}")
    figures = tuple(
        median_of(rounds[key])
        for part in parts
        for index in range(len(part.calls))
        if (key := (part.name, index)) in rounds
    )
    return Measured(figures=figures, failures=tuple(failures))


def shown(one: Figures) -> str:
    """Return a row of figures as a line of progress."""
    figures = {name: getattr(one, name) for name in one.__dataclass_fields__ if name != "contestant"}
    said = (
        f"{name} {value:,.4g}" if isinstance(value, float) else f"{name} {value:,}"
        for name, value in figures.items()
        if not (isinstance(value, float) and math.isnan(value))
    )
    return f"{type(one).__name__} of {one.contestant}: {', '.join(said)}"


def _run(calls: Sequence[Callable[[], Figures]], at_once: int) -> list[Figures | Exception]:
    """Make the measurements; of one that failed return what happened."""
    if at_once == 1:
        return [_watched(call) for call in calls]
    before = now()
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(_guarded, calls))
    share = others_percent(before, now())
    return [_with_others(one, share) for one in results]


def _watched(call: Callable[[], Figures]) -> Figures | Exception:
    before = now()
    one = _guarded(call)
    return _with_others(one, others_percent(before, now()))


def _guarded(call: Callable[[], Figures]) -> Figures | Exception:
    try:
        return call()
    except _FAILURES as error:
        return error


def _with_others(one: Figures | Exception, share: float) -> Figures | Exception:
    return replace(one, others_percent=share) if isinstance(one, Figures) else one


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

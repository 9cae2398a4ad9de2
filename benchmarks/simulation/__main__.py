"""`python -m benchmarks.simulation`: measure what a message costs, play a million users, print tables.

A full run also writes them down beside a picture. `--quick` plays a hundredth of it, only to show that it works.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.carry import Carried, carry
from benchmarks.simulation.picture import Panel, Point, draw
from benchmarks.simulation.play import Cost, Play, Played, Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HERE = Path(__file__).parents[1]
_PICTURE = _HERE / "simulation.svg"
_TABLES = _HERE / "simulation.md"
_HEAD = """# A million users, simulated

Written by `python -m benchmarks.simulation`; what it means is in [docs/scale.md](../docs/scale.md).

![Waits of light users, and one server under load](simulation.svg)"""

USERS = 1_000_000
HEAVY_USERS, HEAVY_MESSAGES, HEAVY_S = 100, 1_000, 60.0
SPAN_S = 600.0
PROCESSES, THREADS = 64, 16
HANDLER_S = 0.5

#: Conversations with a model are long, and a process holds many of them.
TURN_S, TURN_THREADS, STEADY_S = 5.0, 256, 20.0
LOADS_PER_S = (500, 1_000, 2_000, 4_000, 8_000, 16_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, play, print and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the users: the figures mean nothing")
    is_quick = parser.parse_args(arguments).quick
    scale = 100 if is_quick else 1

    carried = [carry(10_000 // scale, batch) for batch in (1, 64)]
    carried += [carry(number // scale) for number in (1_000, 100_000)]
    cost = cost_of(*carried)
    tables = [_carried_table(carried)]

    arrivals = beside_heavy_users(USERS // scale, HEAVY_USERS // scale, scale)
    played = {
        name: Play(_scene(arrivals, cost, scale, is_ordered=is_ordered)).run()
        for name, is_ordered in (("mailboxes", True), ("one queue", False))
    }
    tables.append(_fairness_table(played))
    quiet = [(at_s, user) for at_s, user in arrivals if user >= 0]
    tables.append(_recovery_table([(lost, _lose(quiet, cost, scale, lost)) for lost in (0, 1, 8)], scale))
    loads = [(load, _steady(load // scale, cost)) for load in LOADS_PER_S]
    tables.append(_load_table(loads))
    print("\n".join(tables))
    if not is_quick:
        _TABLES.write_text("\n".join([_HEAD, *tables, ""]), encoding="utf-8")
        _PICTURE.write_text(draw([_wait_panel(played), _load_panel(loads)]), encoding="utf-8")
    return 0


def cost_of(single: Carried, batched: Carried, few: Carried, many: Carried) -> Cost:
    """Read the cost of a call, of a message and of many mailboxes off four measurements."""
    message_us = (batched.run_us * batched.batch - single.run_us) / (batched.batch - 1)
    doublings = math.log2(many.mailboxes / few.mailboxes)
    return Cost(
        publish_us=batched.publish_us,
        call_us=single.run_us - message_us,
        message_us=message_us,
        growth_us=max(0.0, (many.run_us - few.run_us) / doublings),
    )


def beside_heavy_users(users: int, heavy: int, scale: int) -> list[tuple[float, int]]:
    """Let each user send one message within the span, and each heavy one (below 0) a burst at its beginning."""
    chance = random.Random(7)
    span_s, burst_s = SPAN_S, HEAVY_S
    arrivals = [(chance.random() * span_s, user) for user in range(users)]
    arrivals += [
        (chance.random() * burst_s, -1 - number)
        for number in range(heavy)
        for _ in range(HEAVY_MESSAGES // min(scale, 10))
    ]
    return sorted(arrivals)


def _scene(
    arrivals: Sequence[tuple[float, int]],
    cost: Cost,
    scale: int,
    *,
    is_ordered: bool = True,
    lost: tuple[float, int] | None = None,
) -> Scene:
    return Scene(
        arrivals=arrivals,
        processes=max(9, PROCESSES // scale),
        threads=max(2, THREADS // scale),
        handler_s=lambda chance: chance.expovariate(1 / HANDLER_S),
        cost=cost,
        is_ordered=is_ordered,
        lost=lost,
    )


def _lose(arrivals: Sequence[tuple[float, int]], cost: Cost, scale: int, processes: int) -> Played:
    return Play(_scene(arrivals, cost, scale, lost=(SPAN_S / 3, processes) if processes else None)).run()


def _steady(load_per_s: int, cost: Cost) -> Played:
    """Play conversations at a steady load, with workers enough for all of them."""
    chance = random.Random(11)
    messages = int(load_per_s * STEADY_S)
    processes = max(2, round(load_per_s * TURN_S * 1.3 / TURN_THREADS))
    return Play(
        Scene(
            arrivals=sorted((chance.random() * STEADY_S, user) for user in range(messages)),
            processes=processes,
            threads=TURN_THREADS,
            handler_s=lambda chance: chance.uniform(0.6 * TURN_S, 1.4 * TURN_S),
            cost=cost,
        )
    ).run()


# -- tables ----------------------------------------------------------------------------------------------------------


def _carried_table(carried: Iterable[Carried]) -> str:
    return _table(
        "Measured: one message of 1 KiB in each mailbox; CPU of the server",
        (
            "waiting mailboxes",
            "a round trip",
            "publish us",
            "claim and settle us",
            "bytes waiting",
            "bytes sent",
            "bytes logged",
        ),
        [
            (
                f"{one.mailboxes:,}",
                f"{one.batch}",
                f"{one.publish_us:.0f}",
                f"{one.run_us:.0f}",
                f"{one.memory_bytes:,.0f}",
                f"{one.network_bytes:,.0f}",
                f"{one.log_bytes:,.0f}",
            )
            for one in carried
        ],
    )


def _fairness_table(played: dict[str, Played]) -> str:
    return _table(
        f"Played: {USERS:,} users with a message each within {SPAN_S:.0f} s, and {HEAVY_USERS} with {HEAVY_MESSAGES:,}"
        f" each within {HEAVY_S:.0f} s; {PROCESSES} processes x {THREADS}, handlers of {HANDLER_S * 1000:.0f} ms",
        ("", "light p50", "light p99", "light most", "heavy p99", "most ready at once"),
        [
            (
                name,
                *(_said(one.wait_of(_is_light, share)) for share in (0.5, 0.99, 1.0)),
                _said(one.wait_of(_is_heavy, 0.99)),
                f"{one.most_waiting:,}",
            )
            for name, one in played.items()
        ],
    )


def _recovery_table(played: Iterable[tuple[int, Played]], scale: int) -> str:
    return _table(
        f"Played: the same without the heavy ones; of {max(9, PROCESSES // scale)} processes so many are killed",
        ("killed", "messages run again", "first again", "last again", "all: p50", "all: p99", "most"),
        [
            (
                f"{lost}",
                f"{len(one.reruns_s)}",
                _said(min(one.reruns_s, default=math.nan)),
                _said(max(one.reruns_s, default=math.nan)),
                *(_said(one.wait_of(_is_light, share)) for share in (0.5, 0.99, 1.0)),
            )
            for lost, one in played
        ],
    )


def _load_table(loads: Iterable[tuple[int, Played]]) -> str:
    return _table(
        f"Played: conversations of {TURN_S:.0f} s, {TURN_THREADS} at once in a process, processes enough; one server",
        ("offered/s", "server busy", "started/s", "wait p50", "wait p99"),
        [
            (
                f"{load:,}",
                f"{100 * _busy(one):.0f} %",
                f"{len(one.waits_s) / max(STEADY_S, one.last_start_s):,.0f}",
                _said(one.wait_of(_is_light, 0.5)),
                _said(one.wait_of(_is_light, 0.99)),
            )
            for load, one in loads
        ],
    )


def _busy(played: Played) -> float:
    """Return the share of the time that the server worked, from the first arrival to the last start."""
    return played.busy_s / max(STEADY_S, played.last_start_s)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"\n{title}\n", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _said(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _is_light(user: int) -> bool:
    return user >= 0


def _is_heavy(user: int) -> bool:
    return user < 0


# -- picture ---------------------------------------------------------------------------------------------------------

_MS_TICKS = (
    (0.1, "0.1 ms"),
    (1.0, "1"),
    (10.0, "10"),
    (100.0, "100"),
    (1_000.0, "1 s"),
    (10_000.0, "10 s"),
    (100_000.0, ""),
)


def _wait_panel(played: dict[str, Played]) -> Panel:
    shares = [number / 400 for number in range(400)] + [0.9999]
    lines: dict[str, Sequence[Point]] = {}
    for name, one in played.items():
        waits = sorted(wait for user, wait in zip(one.users, one.waits_s, strict=True) if user >= 0)
        lines[f"light users, {name}"] = [(waits[int(share * len(waits))] * 1000, share * 100) for share in shares]
    return Panel(
        title="A million light users beside 100 heavy ones",
        x_title="publish to start",
        y_title="% started by then",
        lines=lines,
        x_ticks=_MS_TICKS,
        y_ticks=tuple((float(share), str(share)) for share in (0, 25, 50, 75, 100)),
        is_log=True,
    )


def _load_panel(loads: Sequence[tuple[int, Played]]) -> Panel:
    def waits(share: float) -> list[Point]:
        return [(load, one.wait_of(_is_light, share) * 1000) for load, one in loads]

    return Panel(
        title="One server under load",
        x_title="conversations started a second",
        y_title="publish to start",
        lines={"p50": waits(0.5), "p99": waits(0.99)},
        x_ticks=tuple(
            (float(load), f"{load // 1000:,} k" if load else "0") for load in (0, 4_000, 8_000, 12_000, 16_000)
        ),
        y_ticks=_MS_TICKS,
        is_log_y=True,
    )


if __name__ == "__main__":
    sys.exit(main())

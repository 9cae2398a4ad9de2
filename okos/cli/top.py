"""`okos top`: how Okos does, live in a terminal."""

from __future__ import annotations

import os
import select
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.speaking import office, print_json, shown, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from okos.mailbox import Histogram, Point
    from okos.operate.overview import Overview

_HOME, _END_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.-=+*#@"
_WORKERS_SHOWN = 10


def top(
    *,
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and leave.")] = False,
    as_json: JSON = False,
) -> None:
    """Show how Okos does, again and again; q leaves. Without a terminal that can move its cursor, line after line."""
    from okos.operate.overview import read_overview  # noqa: PLC0415 - see okos.cli

    with office() as here, _screen(moves=not once and not as_json and can_move()) as screen:
        while True:
            overview = read_overview(here.broker, here.settings)
            if as_json:
                print_json(overview.as_dict())
            else:
                screen.show(describe(overview, here.broker.history("hour"), bars=_bars()))
            sys.stdout.flush()
            if once or screen.wait(every):
                return


def describe(overview: Overview, points: Sequence[Point], *, bars: str) -> list[str]:
    """Write a reading as lines."""
    gauges, recent, stats = overview.gauges, overview.minute, overview.gauges.stats
    slots, in_use = (sum(getattr(one, name) for one in gauges.workers) for name in ("threads", "in_hand"))
    memory = "?" if overview.server is None else f"{overview.server.used_memory_bytes / 1e6:.1f} MB"
    cpu = points[-1].cpu_percent if points else None
    lines = [
        f"{_verdict(overview)}   {time.strftime('%H:%M:%S')}",
        "",
        f"waiting   {stats.waiting:8}   oldest {span(gauges.oldest_wait_ms)}, users limited {stats.timed}",
        f"running   {stats.running:8}   of {slots} slots, {in_use} in hand",
        f"done      {stats.done:8}   {recent.done_per_second:.1f}/s over the last minutes",
        f"dead      {stats.dead:8}   given up {stats.died}, retried {stats.retried}, stalled {stats.stalled} in all",
        "",
        f"wait      {_quantiles(recent.wait)}",
        f"run       {_quantiles(recent.run)}",
        f"done      {_curve([point.done for point in points], bars)}  the last hour, by the minute",
        f"waiting   {_curve([point.waiting for point in points], bars)}",
        "",
        f"server    {memory}, {'?' if cpu is None else f'{cpu:.1f} %'} of a core",
    ]
    if overview.gateway is not None:
        where = overview.gateway.holder or "none"
        state = "online" if overview.gateway.online else "not connected"
        lines.append(f"gateway   {shown(where)}, {state}")
    tokens = ", ".join(f"{count} {name.removesuffix('_tokens')}" for name, count in overview.measures.totals.items())
    if tokens:
        lines.append(f"tokens    {tokens}")
    workers = sorted(gauges.workers, key=lambda one: (one.host, one.pid))
    for worker in workers[:_WORKERS_SHOWN]:
        busy = f"{worker.in_hand} of {worker.threads} slots"
        lines.append(f"worker    {shown(worker.host)} {worker.pid}: {busy}, seen {span(worker.seen_ms_ago)} ago")
    if len(workers) > _WORKERS_SHOWN:
        lines.append(f"          and {len(workers) - _WORKERS_SHOWN} more")
    return lines


def can_move() -> bool:
    """Say whether the cursor of this terminal can be moved."""
    from rich.console import Console  # noqa: PLC0415 - see okos.cli

    console = Console()
    return console.is_terminal and not console.is_dumb_terminal


class _Screen:
    """Shows lines, over the last ones if the cursor can be moved; hears the key that leaves."""

    def __init__(self, *, moves: bool) -> None:
        self._moves = moves

    def show(self, lines: Sequence[str]) -> None:
        """Show them."""
        if not self._moves:
            sys.stdout.write("\n".join([*lines, "", ""]))
            return
        width, height = shutil.get_terminal_size()
        fitting = [line[: width - 1] for line in lines[: height - 1]]
        sys.stdout.write(_HOME + "".join(f"{line}{_END_OF_LINE}\r\n" for line in fitting) + _REST)

    def wait(self, seconds: float) -> bool:
        """Wait; says whether somebody wants to leave."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not sys.stdin.isatty():
                time.sleep(left)
            elif select.select([sys.stdin], [], [], left)[0]:
                key = os.read(sys.stdin.fileno(), 1)
                if key in {b"q", b"Q", b""}:
                    return True
        return False


@contextmanager
def _screen(*, moves: bool) -> Iterator[_Screen]:
    """Have the terminal to oneself, keys coming one by one; it is as it was afterwards, whatever happens."""
    if not moves or not sys.stdin.isatty():
        yield _Screen(moves=moves)
        return
    import termios  # noqa: PLC0415 - there is a terminal
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    sys.stdout.write(_BEGIN)
    try:
        yield _Screen(moves=True)
    finally:
        sys.stdout.write(_END)
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _verdict(overview: Overview) -> str:
    gauges = overview.gauges
    if not gauges.workers:
        return "No worker is alive: nothing is handled."
    if gauges.paused:
        return "Everything is paused."
    if overview.gateway is not None and not overview.gateway.online:
        return "The gateway is not connected to Telegram."
    return f"{len(gauges.workers)} workers are alive."


def _quantiles(histogram: Histogram) -> str:
    return (
        "   ".join(f"p{share} {span(histogram.quantile_ms(share / 100)):>8}" for share in (50, 95, 99))
        + f"   of {histogram.count}"
    )


def _bars() -> str:
    return _BARS if (sys.stdout.encoding or "").lower().startswith("utf") else _PLAIN_BARS


def _curve(values: Sequence[int], bars: str) -> str:
    most = max(values, default=0) or 1
    return "".join(bars[value * (len(bars) - 1) // most] for value in values)

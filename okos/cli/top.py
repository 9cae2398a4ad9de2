"""`okos top`: how Okos does, live in a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.speaking import office, print_json, shown, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.mailbox import Histogram, Point
    from okos.operate.overview import Overview

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.-=+*#@"
_WORKERS_SHOWN = 10


def top(
    *,
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and leave.")] = False,
    as_json: JSON = False,
) -> None:
    """Show how Okos does, live; q leaves.

    Without a terminal that can move its cursor it writes line after line.

    A store that goes away is told of, and asked again. NO_COLOR leaves the colours out.
    """
    from okos.cli.screen import a_screen, can_move  # noqa: PLC0415 - see okos.cli
    from okos.mailbox import StoreUnavailable  # noqa: PLC0415
    from okos.operate.overview import read_overview  # noqa: PLC0415

    lines: list[str] = []
    with office() as here, a_screen(moves=not once and not as_json and can_move()) as screen:
        while True:
            try:
                overview = read_overview(here.broker, here.settings)
                if as_json:
                    print_json(overview.as_dict())
                    sys.stdout.flush()
                else:
                    lines = describe(overview, here.broker.history("hour"), bars=_bars())
                    screen.show(lines, mood=_verdict(overview)[0])
            except StoreUnavailable as error:
                if not screen.moves:
                    raise
                screen.show([f"The store does not answer: {shown(error)}", *lines[1:]], mood="bad")
            if once or screen.wait(every):
                return


def describe(overview: Overview, points: Sequence[Point], *, bars: str) -> list[str]:
    """Write a reading as lines."""
    gauges, recent, stats = overview.gauges, overview.minute, overview.gauges.stats
    slots, in_use = (sum(getattr(one, name) for one in gauges.workers) for name in ("threads", "in_hand"))
    memory = "?" if overview.server is None else f"{overview.server.used_memory_bytes / 1e6:.1f} MB"
    cpu = points[-1].cpu_percent if points else None
    lines = [
        f"{_verdict(overview)[1]}   {time.strftime('%H:%M:%S')}",
        "",
        f"waiting   {stats.waiting:8}   oldest {span(gauges.oldest_wait_ms)}",
        f"limited   {stats.timed:8}   users; {stats.delayed} delayed, {gauges.paused_mailboxes} paused",
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
        held = overview.gateway.state.get("held_chats")
        flood = f", {held} chats held for {span(overview.gateway.state.get('held_ms'))} at most" if held else ""
        lines.append(f"gateway   {shown(where)}, {state}{flood}")
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


def _verdict(overview: Overview) -> tuple[str, str]:
    """Say how it stands, in a word and in a sentence."""
    gauges = overview.gauges
    if not gauges.workers:
        return "bad", "No worker is alive: nothing is handled."
    if gauges.paused:
        return "doubtful", "Everything is paused."
    if overview.gateway is not None and not overview.gateway.online:
        return "bad", "The gateway is not connected to Telegram."
    alive = len(gauges.workers)
    return "good", "1 worker is alive." if alive == 1 else f"{alive} workers are alive."


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

"""The first page: how Okos does now, and how it did in the last hour, day or week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from okos.operate.overview import SHARES, Overview, Recent, read_overview
from okos.web.action import PAUSE_ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.mailbox import Point, RunningSeen, Window, WorkerSeen
    from okos.web.guard import Visit
    from okos.web.site import Site

PARTS = ("verdict", "tiles", "more")
SPANS = {"hour": (60_000, 60), "day": (600_000, 144), "week": (3_600_000, 168)}

#: The charts: where each is drawn, its title, and its curves with their colours.
CHARTS = (
    ("chart-throughput", "Turns a minute", (("c1", "handled"), ("c4", "failed attempts"))),
    ("chart-backlog", "Backlog", (("c1", "waiting"), ("c2", "running"), ("c3", "limited users"))),
    ("chart-wait", "How long a turn waits", (("c2", "p50"), ("c1", "p95"), ("c3", "p99"))),
    ("chart-run", "How long a turn runs", (("c2", "p50"), ("c1", "p95"), ("c3", "p99"))),
    ("chart-tokens", "Tokens a minute", (("c1", "read"), ("c2", "written"))),
    ("chart-memory", "Memory of the store", (("c1", "used"),)),
    ("chart-cpu", "CPU of the store", (("c1", "of a core"),)),
)

#: A slot that has just begun has no rate yet.
_LEAST_ELAPSED_MS = 5_000
_SPARK = (120, 28)
_RUNNING_SHOWN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker process, and what it holds. `lease_left_ms` is that of the lease that ends first."""

    worker: WorkerSeen
    running: int
    lease_left_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the live part of the page shows."""

    overview: Overview
    workers: Sequence[WorkerRow]
    slots: int
    recent: Sequence[Point]


def show(visit: Visit) -> Response:
    """Show the overview."""
    reading = read(visit.site)
    return visit.site.page(
        visit,
        "overview.html",
        title="Overview",
        live=render(visit.site, reading),
        paused=reading.overview.gauges.paused,
        spans=SPANS,
        charts=CHARTS,
        question=PAUSE_ALL,
    )


def read(site: Site) -> Reading:
    """Ask the store all that the page shows."""
    overview = read_overview(site.broker, site.settings)
    running = site.broker.running(limit=_RUNNING_SHOWN)
    workers = overview.gauges.workers
    return Reading(
        overview=overview,
        workers=[_row(worker, running) for worker in sorted(workers, key=lambda each: (each.host, each.pid))],
        slots=sum(worker.threads for worker in workers),
        recent=site.broker.history("hour")[-30:],
    )


def render(site: Site, reading: Reading) -> dict[str, str]:
    """Render the parts that change, by the names of their events: the same for everybody."""
    overview, recent = reading.overview, reading.recent
    latest = recent[-1] if recent else None
    context = {
        "gauges": overview.gauges,
        "stats": overview.gauges.stats,
        "counts": overview.measures.outcomes,
        "totals": overview.measures.totals,
        "lately": overview.minute,
        "per_minute": overview.minute.run.count * 60_000 / max(overview.minute.span_ms, 1),
        "latencies": latencies(overview.minute),
        "server": overview.server,
        "gateway": overview.gateway,
        "cpu": None if latest is None else latest.cpu_percent,
        "workers": reading.workers,
        "slots": reading.slots,
        "sparks": {
            "done": spark([point.run.count for point in recent]),
            "waiting": spark([point.waiting for point in recent]),
            "running": spark([point.running for point in recent]),
            "limited": spark([point.limited for point in recent]),
            "failed": spark([point.retried + point.died for point in recent]),
            "dead": spark([point.dead for point in recent]),
        },
        "verdict": verdict(reading),
    }
    return {name: site.part(f"parts/{name}.html", **context) for name in PARTS}


def latencies(recent: Recent) -> list[tuple[str, list[float | None]]]:
    """Give the quantiles of the last minutes, for turns alone."""
    shares = SHARES.values()
    return [
        ("Until it starts", [recent.wait.quantile_ms(share) for share in shares]),
        ("The turn itself", [recent.run.quantile_ms(share) for share in shares]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How it is, in a word. `mood` is good, doubtful or bad."""

    mood: str
    text: str


def verdict(reading: Reading) -> Verdict:
    """Say in one sentence what an operator has to know first."""
    gauges, stats = reading.overview.gauges, reading.overview.gauges.stats
    if not reading.workers:
        return Verdict(mood="bad", text="No worker is alive: nothing is handled. Start them with okos up.")
    if gauges.paused:
        return Verdict(mood="doubtful", text="Everything is paused: nothing starts until it is resumed.")
    gateway = reading.overview.gateway
    if gateway is not None and not gateway.online:
        return Verdict(mood="bad", text="The bot is not connected to Telegram: see the log of the gateway.")
    if stats.waiting and stats.running >= reading.slots:
        return Verdict(mood="doubtful", text="Every slot is in use: users wait for one.")
    if stats.dead:
        return Verdict(mood="good", text="Messages are handled. Some were given up: see the dead letters.")
    return Verdict(mood="good", text="All is well.")


def history(visit: Visit) -> Response:
    """Give the figures of the charts: columns, with null where nothing was measured."""
    span = visit.asked("span", "hour")
    span_ms, slots = SPANS.get(span, SPANS["hour"])
    window: Window = "day" if span == "day" else "week" if span == "week" else "hour"
    points = visit.site.broker.history(window)
    now_ms = visit.site.now_ms()
    return JSONResponse(columns(points, span_ms=span_ms, slots=slots, now_ms=now_ms))


def columns(
    points: Sequence[Point], *, span_ms: int, slots: int, now_ms: int
) -> dict[str, list[int] | list[float | None]]:
    """Lay points out as columns over a whole span of time, so that a gap is seen as one."""
    by_slot = {point.at_ms // span_ms: point for point in points}
    last = now_ms // span_ms
    wanted = range(last - slots + 1, last + 1)
    rows = [_figures(by_slot.get(slot)) for slot in wanted]
    counts = ("turns", "failed", "waiting", "limited", "running", "read", "written", "memory", "cpu")
    quantiles = ("wait_p50", "wait_p95", "wait_p99", "run_p50", "run_p95", "run_p99")
    return {"at": [slot * span_ms // 1000 for slot in wanted]} | {
        name: [row.get(name) for row in rows] for name in (*counts, *quantiles)
    }


def _figures(point: Point | None) -> dict[str, float | None]:
    if point is None:
        return {}
    minutes = max(_LEAST_ELAPSED_MS, point.span_ms) / 60_000
    return {
        "turns": point.run.count / minutes,
        "failed": (point.retried + point.died) / minutes,
        "waiting": point.waiting,
        "limited": point.limited,
        "running": point.running,
        "read": point.prompt_tokens / minutes,
        "written": point.completion_tokens / minutes,
        "memory": point.memory_bytes,
        "cpu": None if point.cpu_percent is None else round(point.cpu_percent, 2),
        **{f"wait_p{share:.0f}": point.wait.quantile_ms(share / 100) for share in (50, 95, 99)},
        **{f"run_p{share:.0f}": point.run.quantile_ms(share / 100) for share in (50, 95, 99)},
    }


def spark(values: Sequence[float]) -> str:
    """Draw a small curve: the points of an SVG polyline in a box of 120 by 28; empty if there is nothing to draw."""
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    width, height = _SPARK
    top = max(*values, 1)
    step = width / (len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{height - 2 - value / top * (height - 4):.1f}" for index, value in enumerate(values)
    )


def _row(worker: WorkerSeen, running: Sequence[RunningSeen]) -> WorkerRow:
    held = [one for one in running if one.worker == worker.id]
    return WorkerRow(
        worker=worker,
        running=len(held),
        lease_left_ms=min((one.lease_left_ms for one in held), default=None),
    )

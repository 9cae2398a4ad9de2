"""How Okos does, in one reading."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from okos.mailbox import Histogram
from okos.operate.gateway import OUTBOX, GatewaySeen, read_gateway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.mailbox import Backlog, Gauges, MailboxBroker, Measures, Point, ServerSeen
    from okos.settings import Settings

#: What 'lately' means: the newest slots of the history, by the minute.
LATELY = 5
KEEP_S = 5.0
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """The last minutes: what was done in them, and how long that waited and ran."""

    span_ms: int
    accepted: int
    done: int
    died: int
    retried: int
    stalled: int
    wait: Histogram
    run: Histogram

    @property
    def done_per_second(self) -> float:
        """How many messages were completed a second."""
        return self.done * 1000 / self.span_ms if self.span_ms else 0.0

    @property
    def failures(self) -> int:
        """How many attempts failed or stalled, whatever became of their messages."""
        return self.retried + self.died + self.stalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A reading.

    Attributes:
        minute: The last few minutes.
        gateway: None if no bot is configured.
        server: None if it does not tell of itself.
    """

    gauges: Gauges
    measures: Measures
    minute: Recent
    gateway: GatewaySeen | None
    server: ServerSeen | None
    lease_ms: int

    def as_dict(self) -> dict[str, object]:
        """Give the reading as JSON can hold it; of durations, the quantiles (ms)."""
        gauges, minute = self.gauges, self.minute
        return {
            "stats": asdict(gauges.stats),
            "workers": [asdict(worker) for worker in gauges.workers],
            "oldest_wait_ms": gauges.oldest_wait_ms,
            "paused": gauges.paused,
            "paused_mailboxes": gauges.paused_mailboxes,
            "recent": {
                "span_ms": minute.span_ms,
                "accepted": minute.accepted,
                "done": minute.done,
                "done_per_second": round(minute.done_per_second, 3),
                "died": minute.died,
                "retried": minute.retried,
                "stalled": minute.stalled,
                "wait_ms": quantiles(minute.wait),
                "run_ms": quantiles(minute.run),
            },
            "tokens": dict(self.measures.totals),
            "gateway": None if self.gateway is None else asdict(self.gateway),
            "server": None if self.server is None else asdict(self.server),
        }


def quantiles(histogram: Histogram) -> dict[str, float | None]:
    """Give the quantiles that people ask for, ms."""
    found = {name: histogram.quantile_ms(share) for name, share in SHARES.items()}
    return {name: None if value is None else round(value, 1) for name, value in found.items()}


def read_overview(broker: MailboxBroker, settings: Settings) -> Overview:
    """Ask the server all of it; a handful of round trips.

    Raises:
        StoreUnavailable: It does not answer.
    """
    return Overview(
        gauges=broker.gauges(OUTBOX),
        measures=broker.measures(),
        minute=recent(broker.history("hour")),
        gateway=read_gateway(broker, settings),
        server=broker.server(),
        lease_ms=settings.lease_ms,
    )


def recent(points: Sequence[Point]) -> Recent:
    """Sum up the newest points of an hour."""
    newest = points[-1].at_ms if points else 0
    lately = [point for point in points if point.at_ms > newest - LATELY * 60_000]
    return Recent(
        span_ms=sum(point.span_ms for point in lately),
        accepted=sum(point.accepted for point in lately),
        done=sum(point.done for point in lately),
        died=sum(point.died for point in lately),
        retried=sum(point.retried for point in lately),
        stalled=sum(point.stalled for point in lately),
        wait=sum((point.wait for point in lately), Histogram()),
        run=sum((point.run for point in lately), Histogram()),
    )


class Watch:
    """Looks for the mailboxes that hold most, and not more often than every few seconds, whoever asks."""

    def __init__(self, broker: MailboxBroker) -> None:
        self._broker = broker
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, str], tuple[float, Backlog]] = {}

    def backlog(self, *, limit: int = 50, contains: str = "") -> Backlog:
        """Return the mailboxes that hold most, as they were at most a few seconds ago."""
        with self._lock:
            now = time.monotonic()
            self._kept = {asked: kept for asked, kept in self._kept.items() if now - kept[0] < KEEP_S}
            if (limit, contains) not in self._kept:
                found = self._broker.backlog(limit=limit, contains=contains)
                self._kept[limit, contains] = (time.monotonic(), found)
            return self._kept[limit, contains][1]

"""The figures in Prometheus' text form: what all processes did together, so one target is enough, whichever it is.

What only grows is counted in the store since the namespace was made: a restart of any process, the scraped one
included, starts nothing anew. Labels are bounded: actors, outcomes, names of totals, worker processes that are alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from okos.mailbox import BOUNDS_MS
from okos.operate.gateway import OUTBOX, read_gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from okos.mailbox import Gauges, Histogram, MailboxBroker, Measures, ServerSeen
    from okos.operate.gateway import GatewaySeen
    from okos.settings import Settings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Family:
    """A metric: its name, its type, a word on it, and its samples: suffix, labels, value."""

    name: str
    kind: str
    text: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, value: float, suffix: str = "", **labels: str) -> None:
        """Add a sample."""
        self.samples.append((suffix, tuple(labels.items()), value))

    def lines(self) -> Iterable[str]:
        """Give its lines."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for suffix, labels, value in self.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            yield f"{self.name}{suffix}{{{inside}}} {value:.15g}" if inside else f"{self.name}{suffix} {value:.15g}"


def render_metrics(broker: MailboxBroker, settings: Settings) -> str:
    """Render all figures.

    Raises:
        StoreUnavailable: The server does not answer.
    """
    gauges, measures = broker.gauges(OUTBOX), broker.measures()
    families = [
        *_counters(gauges),
        *_gauges(gauges),
        *_measured(measures),
        *_server(broker.server()),
        *_gateway(read_gateway(broker, settings)),
    ]
    return "".join(f"{line}\n" for family in families for line in family.lines())


def metric_names() -> set[str]:
    """Name every metric that there can be, with the suffixes of histograms: what dashboards and alerts may use."""
    return {
        *_COUNTERS.values(),
        *(name for name, _ in _GAUGES.values()),
        *_OTHERS,
        *(f"{name}{suffix}" for name in _HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")),
    }


_COUNTERS: Mapping[str, str] = {
    "accepted": "okos_messages_accepted_total",
    "done": "okos_messages_done_total",
    "died": "okos_messages_died_total",
    "cancelled": "okos_messages_cancelled_total",
    "requeued": "okos_messages_requeued_total",
    "retried": "okos_attempts_retried_total",
    "stalled": "okos_attempts_stalled_total",
}
_GAUGES: Mapping[str, tuple[str, str]] = {
    "waiting": ("okos_messages_waiting", "Messages accepted, neither running nor ended."),
    "running": ("okos_messages_running", "Messages that a worker has."),
    "dead": ("okos_dead_letters", "Messages given up that are kept."),
    "delayed": ("okos_messages_delayed", "Messages outside their mailboxes until an instant."),
    "timed": ("okos_mailboxes_limited", "Mailboxes that cannot start before an instant: rate, backoff, hold."),
}
_HISTOGRAMS = ("okos_wait_seconds", "okos_run_seconds")
_OTHERS = (
    "okos_attempts_total",
    "okos_gateway_buffered",
    "okos_gateway_held_chats",
    "okos_gateway_online",
    "okos_gateway_up",
    "okos_mailboxes_paused",
    "okos_oldest_wait_seconds",
    "okos_paused",
    "okos_redis_clients",
    "okos_redis_cpu_seconds_total",
    "okos_redis_memory_bytes",
    "okos_redis_memory_max_bytes",
    "okos_slots",
    "okos_slots_in_use",
    "okos_tokens_total",
    "okos_worker_seen_seconds",
    "okos_workers",
)


def _counters(gauges: Gauges) -> Iterable[_Family]:
    for name, metric in _COUNTERS.items():
        family = _Family(metric, "counter", f"How many were {name} since the namespace was made.")
        family.add(getattr(gauges.stats, name))
        yield family


def _gauges(gauges: Gauges) -> Iterable[_Family]:
    for name, (metric, text) in _GAUGES.items():
        yield _one(metric, "gauge", text, getattr(gauges.stats, name))
    yield _one(
        "okos_oldest_wait_seconds",
        "gauge",
        "How long the message has waited that has waited longest of those that may start now.",
        (gauges.oldest_wait_ms or 0) / 1000,
    )
    yield _one("okos_paused", "gauge", "Whether everything is paused.", int(gauges.paused))
    yield _one("okos_mailboxes_paused", "gauge", "Mailboxes paused by themselves.", gauges.paused_mailboxes)
    yield _one("okos_workers", "gauge", "Worker processes that are alive.", len(gauges.workers))
    slots = sum(worker.threads for worker in gauges.workers)
    yield _one("okos_slots", "gauge", "Messages that can be handled at once.", slots)
    in_hand = sum(worker.in_hand for worker in gauges.workers)
    yield _one("okos_slots_in_use", "gauge", "Of those, how many are.", in_hand)
    seen = _Family("okos_worker_seen_seconds", "gauge", "Since the last heartbeat of a worker process.")
    for worker in gauges.workers:
        seen.add(worker.seen_ms_ago / 1000, host=worker.host, pid=str(worker.pid))
    yield seen


def _measured(measures: Measures) -> Iterable[_Family]:
    wait = _Family("okos_wait_seconds", "histogram", "From a message's publication to the claim of its first attempt.")
    run = _Family("okos_run_seconds", "histogram", "How long handlers ran, whatever became of them.")
    attempts = _Family("okos_attempts_total", "counter", "Attempts that ended, by their actor and by how they did.")
    for actor, measured in measures.actors.items():
        _add_histogram(wait, measured.wait, actor)
        _add_histogram(run, measured.run, actor)
        for outcome, count in sorted(measured.outcomes.items()):
            attempts.add(count, actor=actor, outcome=outcome)
    tokens = _Family("okos_tokens_total", "counter", "Tokens that the model counted, by what they were for.")
    for name, count in sorted(measures.totals.items()):
        if name.endswith("_tokens"):
            tokens.add(count, kind=name.removesuffix("_tokens"))
    yield from (wait, run, attempts, tokens)


def _add_histogram(family: _Family, histogram: Histogram, actor: str) -> None:
    below = 0
    for bound_ms, count in zip(BOUNDS_MS, histogram.counts, strict=False):
        below += count
        family.add(below, "_bucket", actor=actor, le=f"{bound_ms / 1000:g}")
    family.add(histogram.count, "_bucket", actor=actor, le="+Inf")
    family.add(histogram.sum_ms / 1000, "_sum", actor=actor)
    family.add(histogram.count, "_count", actor=actor)


def _server(server: ServerSeen | None) -> Iterable[_Family]:
    if server is not None:
        yield _one("okos_redis_memory_bytes", "gauge", "Memory that the server uses.", server.used_memory_bytes)
        most = server.max_memory_bytes
        yield _one("okos_redis_memory_max_bytes", "gauge", "What it may use; 0 if there is no limit.", most)
        cpu_s = server.cpu_ms / 1000
        yield _one("okos_redis_cpu_seconds_total", "counter", "CPU that it used since it started.", cpu_s)
        yield _one("okos_redis_clients", "gauge", "Connections that it has.", server.clients)


def _gateway(gateway: GatewaySeen | None) -> Iterable[_Family]:
    if gateway is not None:
        yield _one("okos_gateway_up", "gauge", "Whether a gateway has the lease of the bot.", int(bool(gateway.holder)))
        yield _one("okos_gateway_online", "gauge", "Whether it is connected to Telegram.", int(gateway.online))
        buffered = int(gateway.state.get("buffered", 0))
        yield _one("okos_gateway_buffered", "gauge", "Updates that arrived and are not accepted yet.", buffered)
        held = int(gateway.state.get("held_chats", 0))
        yield _one("okos_gateway_held_chats", "gauge", "Chats that Telegram wants left alone for a while.", held)


def _one(name: str, kind: str, text: str, value: float) -> _Family:
    family = _Family(name, kind, text)
    family.add(value)
    return family


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

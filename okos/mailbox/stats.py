"""What the engine holds, as the stats script counts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from okos.mailbox.reading import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts of one moment.

    Attributes:
        waiting: Accepted, neither running nor ended: what waits its turn, is delayed, held back or limited.
        running: Claimed by a worker process and not settled.
        dead: Dead letters that are kept.
        done: Completed, since the namespace was made.
        accepted: Put in, likewise. accepted + requeued = waiting + running + done + died + cancelled.
        died: Given up, likewise, also those no longer kept or requeued.
        delayed: Of the waiting, those outside their mailbox until an instant.
        timed: Mailboxes that cannot start before an instant (backoff, hold, rate).
    """

    waiting: int
    running: int
    dead: int
    done: int
    accepted: int
    died: int
    cancelled: int
    requeued: int
    retried: int
    stalled: int
    delayed: int
    timed: int
    done_kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker process as its last heartbeat described it."""

    id: str
    pid: int
    host: str
    threads: int
    queues: tuple[str, ...]
    in_hand: int
    seen_ms_ago: int


_COUNTED = ("accepted", "requeued", "done", "died", "cancelled")


def read_stats(reply: Any) -> tuple[Stats, list[WorkerSeen]]:  # Any: Redis' reply
    """Read the stats script's reply."""
    now, counts_flat, running, dead, done_kept, delayed, timed, processes = reply
    counts = {counts_flat[i].decode(): int(counts_flat[i + 1]) for i in range(0, len(counts_flat), 2)}
    accepted, requeued, done, died, cancelled = (counts.get(name, 0) for name in _COUNTED)
    # housekeeping is in no count of what came and ended, but it may wait and run
    aside = [counts.get(f"aside_{name}", 0) for name in _COUNTED]
    stats = Stats(
        waiting=accepted + requeued - done - died - cancelled - running + sum(aside[:2]) - sum(aside[2:]),
        running=running,
        dead=dead,
        done=done,
        accepted=accepted,
        died=died,
        cancelled=cancelled,
        requeued=requeued,
        retried=counts.get("retried", 0),
        stalled=counts.get("stalled", 0),
        delayed=delayed,
        timed=timed,
        done_kept=done_kept,
    )
    seen = (_worker(*processes[i : i + 3], now=now) for i in range(0, len(processes), 3))
    return stats, [worker for worker in seen if worker is not None]


def _worker(process: bytes, seen_at: bytes, described: bytes, *, now: int) -> WorkerSeen | None:
    """Read what a process says of itself; None for one that says nothing that this version understands."""
    try:
        said = json.loads(described)
        return WorkerSeen(
            id=shown(process),
            pid=said["pid"],
            host=said["host"],
            threads=said["threads"],
            queues=tuple(said["queues"]),
            in_hand=said["in_hand"],
            seen_ms_ago=max(0, int(now - float(seen_at))),
        )
    except (ValueError, KeyError, TypeError):
        return None

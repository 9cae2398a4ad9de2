"""A worker started and stopped again and again in one OS process: threads and descriptors come back to base."""

from __future__ import annotations

import gc
import os
import threading
from typing import TYPE_CHECKING

import dramatiq

from chaos.outcome import Outcome
from chaos.patience import wait_until
from chaos.sample import look_at
from chaos.server import Server
from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.storm import Say

CYCLES = 200
#: What is made once and then kept (a module's cache, a logger) is made in these.
FIRST = 5


def turn_over(directory: Path, say: Say) -> Outcome:
    """Run the cycles on a server of their own and compare the last with the first ones."""
    server = Server(directory)
    server.start()
    try:
        figures = _cycles(server.url, say)
    finally:
        server.stop()
    is_good = figures["threads after"] <= figures["threads before"]
    is_good &= figures["descriptors after"] <= figures["descriptors before"]
    is_good &= figures["handled"] == CYCLES
    return Outcome(
        is_good=is_good,
        table="\n".join(f"  {name:<20}{value:>8}" for name, value in figures.items()),
        story="" if is_good else f"FAULT left over: {sorted(thread.name for thread in threading.enumerate())}",
        figures=dict(figures),
    )


def _cycles(url: str, say: Say) -> dict[str, int]:
    handled: list[int] = []
    before = (0, 0, 0)
    for number in range(CYCLES):
        _cycle(url, number, handled)
        if number == FIRST - 1:
            before = _used()
        if number % 50 == 49:
            say(f"{number + 1} cycles; threads, descriptors, memory: {_used()}")
    after = _used()
    return {
        "cycles": CYCLES,
        "handled": len(handled),
        "threads before": before[0],
        "threads after": after[0],
        "descriptors before": before[1],
        "descriptors after": after[1],
        "memory grown (MB)": (after[2] - before[2]) // 1_000_000,
    }


def _cycle(url: str, number: int, handled: list[int]) -> None:
    """Start a worker, have one message handled, stop it."""
    broker = MailboxBroker(url, lease_ms=3_000)

    @dramatiq.actor(broker=broker, queue_name="turnover")
    async def count(value: int) -> None:
        handled.append(value)

    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=20)
    worker.start()
    count.send_with_options(args=(number,), mailbox="turnover")
    wait_until(lambda: len(handled) > number, deadline_s=30, pause_s=0.002)
    worker.stop()
    broker.close()


def _used() -> tuple[int, int, int]:
    gc.collect()
    sample = look_at(os.getpid(), "", 0)
    assert sample is not None  # noqa: S101 - it is this process
    return threading.active_count(), sample.descriptors, sample.rss_bytes

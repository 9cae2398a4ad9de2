"""What a process does for threads that are nobody's any more: a handler whose message is another's, one that died."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import dramatiq
import pytest
from dramatiq.middleware import raise_thread_exception
from hooks import AT_MOST_S
from real_server import eventually

from okos.mailbox import MailboxBroker
from okos.mailbox.heartbeat import TokenLost

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_MS = 1500


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace, lease_ms=LEASE_MS)
    yield broker
    broker.flush_all()
    broker.close()


def test_a_handler_that_lost_its_lease_is_stopped_at_once_and_its_thread_goes_on(broker: MailboxBroker) -> None:
    running = threading.Barrier(3)
    gate = threading.Event()
    noted: set[str] = set()

    @dramatiq.actor(broker=broker)
    def loop() -> None:
        running.wait(AT_MOST_S)
        try:
            while not gate.wait(0.01):
                pass
        except TokenLost:
            noted.add("stopped")
            raise

    @dramatiq.actor(broker=broker)
    async def sleep() -> None:
        await asyncio.to_thread(running.wait, AT_MOST_S)
        try:
            await asyncio.sleep(AT_MOST_S)
        except asyncio.CancelledError:
            noted.add("cancelled")
            raise
        finally:
            noted.add("closed")

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        noted.add(name)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    try:
        threads = list(worker.workers)
        loop.send()
        sleep.send()
        running.wait(AT_MOST_S)

        broker.flush_all()  # no token of this process is known any more

        eventually(lambda: noted == {"stopped", "cancelled", "closed"})
        for name in "ab":
            work.send(name)
        eventually(lambda: noted >= {"a", "b"})
        broker.join("default", timeout=60_000)
        assert worker.workers == threads
        stats = broker.stats()
        assert (stats.done, stats.dead, stats.retried, stats.running) == (2, 0, 0, 0)
    finally:
        gate.set()
        worker.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_thread_that_died_is_replaced(broker: MailboxBroker) -> None:
    together = threading.Barrier(3)

    @dramatiq.actor(broker=broker)
    def meet() -> None:
        together.wait(AT_MOST_S)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    try:
        died = worker.workers[0]

        # an interrupt that reaches its thread when the handler has just ended
        raise_thread_exception(died.ident, TokenLost)  # type: ignore[no-untyped-call]  # Dramatiq's

        eventually(lambda: not died.is_alive())
        for _ in range(2):
            meet.send()
        together.wait(AT_MOST_S)  # both run at once
        broker.join("default", timeout=60_000)
        assert died not in worker.workers
        eventually(lambda: len(worker.workers) == 2)
    finally:
        together.abort()
        worker.stop()

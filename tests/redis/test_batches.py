"""What a process writes in one call: up to a bound, and one that the server cannot take harms no other."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mailboxes import CLOCK_OF_TESTS, Mailboxes

from okos.mailbox.decision import Ack, Dead
from okos.mailbox.engine import Engine
from okos.mailbox.options import EngineOptions
from okos.mailbox.pump import BATCH, BATCH_BYTES
from okos.mailbox.store import Store
from okos.mailbox.wire import read_delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.store import Argument

DEADLINE_S = 60.0


class Recorded(Store):
    """A store that remembers how many attempts each settle that went through was for."""

    def __init__(self, url: str, namespace: str) -> None:
        super().__init__(url, namespace, time_piece=CLOCK_OF_TESTS)
        self.settled: list[int] = []

    def call(self, name: str, *argv: Argument, client: redis.Redis | None = None) -> Any:  # Any: Redis' reply
        """Run one transition."""
        reply = super().call(name, *argv, client=client)
        if name == "settle":
            self.settled.append(int(argv[4]))
        return reply


class Stage:
    """An engine whose pump has not started: what ends meanwhile goes out with its first calls."""

    def __init__(self, url: str, namespace: str, mailboxes: Mailboxes) -> None:
        self.store = Recorded(url, namespace)
        self._mailboxes = mailboxes
        self._engine = Engine(self.store, EngineOptions(), threads=BATCH)

    def running(self, count: int) -> list[Delivery]:
        """Publish messages and have them run here."""
        for number in range(count):
            self._mailboxes.publish(f"m{number}", f"box {number}")
        found: list[Delivery] = []
        while len(found) < count:
            started = self._mailboxes.claim_all(self._engine.id).started
            found += [read_delivery(claimed, float("inf")) for claimed in started]
        self._engine.holdings.add(found)
        return found

    @contextmanager
    def writing(self) -> Iterator[Engine]:
        """End attempts; all of them are written when the block is left."""
        yield self._engine
        self._engine.pump.start()
        assert self._engine.pump.flush(DEADLINE_S)

    def close(self) -> None:
        self._engine.closed.set()
        self._engine.pump.wake()
        if self._engine.pump.is_alive():
            self._engine.pump.join(DEADLINE_S)
        self.store.close()


@pytest.fixture
def stage(url: str, namespace: str, mailboxes: Mailboxes) -> Iterator[Stage]:
    stage = Stage(url, namespace, mailboxes)
    yield stage
    stage.close()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_a_batch_the_one_that_the_server_cannot_take_is_buried_and_the_others_are_written(
    stage: Stage, mailboxes: Mailboxes, place: int
) -> None:
    deliveries = stage.running(3)
    mailboxes.admin.set(mailboxes.store.key("store:l:notes"), "no list")
    deliveries[place].run.append("notes", b"a note", keep=1, ttl_ms=1000)

    with stage.writing() as engine:
        for delivery in deliveries:
            engine.finish(delivery, Ack())

    stats = mailboxes.stats()
    assert (stats.done, stats.dead, stats.running, stats.waiting) == (2, 1, 0, 0)
    bad = deliveries[place].claimed.id
    assert mailboxes.error(bad)[0].startswith("cannot be settled: ")
    assert engine.holdings.snapshot() == []
    mailboxes.admin.delete(mailboxes.store.key("store:l:notes"))


def test_no_more_attempts_are_settled_in_one_call_than_a_batch_may_have(stage: Stage) -> None:
    deliveries = stage.running(BATCH + 1)

    with stage.writing() as engine:
        for delivery in deliveries:
            engine.finish(delivery, Ack())

    assert stage.store.settled == [BATCH, 1]


def test_what_is_settled_in_one_call_has_a_bounded_size_and_one_alone_may_have_more(stage: Stage) -> None:
    deliveries = stage.running(5)
    traces = [BATCH_BYTES // 2 - 1000, BATCH_BYTES // 2 - 1000, 1000, 2 * BATCH_BYTES, 1]

    with stage.writing() as engine:
        for delivery, length in zip(deliveries, traces, strict=True):
            engine.finish(delivery, Dead("it failed", "x" * length))

    assert stage.store.settled == [3, 1, 1]

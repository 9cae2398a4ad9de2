"""The fence in front of a handler: nothing starts that this process may not own any more, whatever held it up."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import dramatiq
import pytest
from hooks import HoldsUp
from real_server import eventually

from okos.mailbox import MailboxBroker
from okos.middleware import Retry, UserMutex

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_MS = 1500


class Stage:
    """One worker in this process, with a hook that holds messages up between the first look and the handler."""

    def __init__(self, url: str, namespace: str) -> None:
        self.hook = HoldsUp("before", whom="a")
        self.broker = MailboxBroker(
            url, namespace=namespace, lease_ms=LEASE_MS, middleware=[UserMutex(), self.hook, Retry()]
        )
        self.ran: list[str] = []
        self.work = dramatiq.actor(broker=self.broker, actor_name="work")(self._work)

    def _work(self, name: str) -> None:
        self.ran.append(name)

    @contextmanager
    def holding_up(self) -> Iterator[str]:
        """Run a worker that has a message in hand, held up; let it go at the end. Gives the message's id."""
        worker = dramatiq.Worker(self.broker, worker_timeout=100, worker_threads=1)
        worker.start()
        try:
            message = self.work.send_with_options(args=("a",), mailbox="user:7")
            eventually(lambda: self.hook.held)
            yield message.message_id
        finally:
            self.hook.gate.set()
            worker.stop()


@pytest.fixture
def stage(url: str, namespace: str) -> Iterator[Stage]:
    stage = Stage(url, namespace)
    yield stage
    stage.broker.flush_all()
    stage.broker.close()


def test_a_message_cancelled_between_the_first_hook_and_its_handler_never_starts(stage: Stage) -> None:
    with stage.holding_up() as message_id:
        assert stage.broker.cancel(message_id) == "flagged"
        eventually(lambda: stage.hook.held[0].cancelled)
        stage.work.send_with_options(args=("b",), mailbox="user:7")

        stage.hook.gate.set()

        eventually(lambda: stage.ran)
        stage.broker.join("default", timeout=60_000)

    assert stage.ran == ["b"]
    stats = stage.broker.stats()
    assert (stats.cancelled, stats.done, stats.stalled) == (1, 1, 0)


def test_a_message_lost_between_the_first_hook_and_its_handler_never_starts(stage: Stage) -> None:
    with stage.holding_up():
        stage.broker.flush_all()
        eventually(lambda: stage.hook.held[0].lost)
        stage.work.send_with_options(args=("b",), mailbox="user:8")

        stage.hook.gate.set()

        eventually(lambda: stage.ran)
        stage.broker.join("default", timeout=60_000)

    assert stage.ran == ["b"]

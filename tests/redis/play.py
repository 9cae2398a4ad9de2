"""Everything that the engine can do, done once: for tests of what it touches and of where it works."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from real_server import eventually

from okos.mailbox import AuditLog, MailboxBroker, MailboxFull, current_run
from okos.middleware import EventLoop, History, Metrics, RateLimit, Retry, Shutdown, TimeLimit, UserMutex

if TYPE_CHECKING:
    from collections.abc import Iterator


def a_broker(url: str, namespace: str = "okos") -> MailboxBroker:
    """Make a broker with every policy."""
    return MailboxBroker(
        url,
        namespace=namespace,
        lease_ms=1_000,
        middleware=[
            Metrics(watched=["outbox"]),
            UserMutex(),
            RateLimit(jobs_per_second=1000, burst=1000, all_per_second=100_000),
            TimeLimit(),
            Shutdown(grace_ms=1_000),
            EventLoop(),
            History(done_count=2, dead_count=2),
            Retry(max_retries=1, min_backoff=1, max_backoff=1),
        ],
    )


@contextmanager
def working(broker: MailboxBroker) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


class Play:
    """Every feature, each used at least once.

    Args:
        broker: On a server that nobody else uses.
    """

    def __init__(self, broker: MailboxBroker) -> None:
        self.broker = broker
        self.runs, self.may_end = threading.Event(), threading.Event()
        self.handle = dramatiq.actor(broker=broker, actor_name="handle")(self._handle)

    def run(self) -> None:
        """Play all of it."""
        with working(self.broker):
            self.put_in()
            self.settle()
            self.look()
            self.overfill_and_stop()
            self.drain()
        self.cancel_what_nobody_runs()

    def put_in(self) -> None:
        """Publish now, later, once, alone, and by its priority."""
        self.send(dedup_id="update:1")
        self.send(dedup_id="update:1")
        self.send(delay=100)
        self.send(hold=100, mailbox="held")
        self.send(expires=60_000)
        self.send(priority=-1, mailbox="high")
        self.send(priority=1, mailbox="low")
        self.handle.send("alone")
        together = [self.handle.message_with_options(args=("",), mailbox="together") for _ in range(2)]
        assert self.broker.take_lease("source", "this one", ttl_ms=60_000)
        lease = ("source", "this one")
        assert self.broker.enqueue_all(together, progress={"source": b"2"}, lease=lease) == ["new", "new"]
        assert self.broker.progress() == {"source": b"2"}
        assert self.broker.take_back("nobody", lease=lease) == 0
        held = self.send(hold=60_000, mailbox="held back")
        assert self.broker.hold(held, 0)

    def settle(self) -> None:
        """Succeed with effects, fail, fail for good, and come back."""
        self.broker.write("attachment:1", b"bytes", ttl_ms=60_000)
        self.send("has effects")
        self.send("fails once")
        apology = self.handle.message_with_options(args=("an apology",), mailbox="outbox")
        self.send("fails", on_dead=apology)
        for number in range(4):
            self.send("fails", mailbox=f"failing:{number}")
        self.drain()
        assert self.broker.requeue(letter.id for letter in self.broker.failed()) > 0
        self.drain()

    def look(self) -> None:
        """Listen to a preview, and see what is there."""
        with self.broker.previews("outbox") as previews:
            self.broker.preview("outbox", b"so far")
            assert next(payload for payload in previews if payload is not None) == b"so far"
        assert self.broker.stats().accepted > 0
        eventually(self.broker.workers)
        assert self.broker.mailbox("a").key == "a"
        delayed = self.send(delay=60_000)
        assert [one.id for one in self.broker.delayed()] == [delayed]
        assert [one.mailbox for one in self.broker.backlog().users] == []
        assert self.broker.message(delayed)
        assert self.broker.running() == []
        assert self.broker.cancel(delayed) == "cancelled"
        assert self.broker.discard([self.broker.failed()[0].id]) == 1
        assert self.broker.failed_groups()
        self.broker.note("somebody", "looked", "everything", "saw it")
        self.broker.note("somebody", "log in", "web", "from here", is_visit=True)
        assert len(self.broker.audit()) == len(AuditLog) == 2
        assert self.broker.server()
        eventually(lambda: self.broker.gauges("outbox").sweeper)
        eventually(self.measured)

    def overfill_and_stop(self) -> None:
        """Fill a mailbox in each of its ways while it runs; pause it, limit it, cancel it."""
        running = self.send("runs", mailbox="full")
        eventually(self.runs.is_set)
        self.send(mailbox="full", on_full="coalesce")
        self.send(mailbox="full", on_full="coalesce", max_backlog=2)
        self.send(mailbox="full", on_full="drop_oldest", max_backlog=2)
        with pytest.raises(MailboxFull):
            self.send(mailbox="full", max_backlog=2)
        for key in ("full", None):
            assert self.broker.pause(key)
            assert self.broker.resume(key)
        self.broker.limit("limited", max_jobs_per_user=2, burst=3)
        assert "limited" in self.broker.limits().overrides
        self.broker.limit("limited")
        self.broker.limit(None, jobs_per_second=1000)
        assert self.broker.cancel(running) == "flagged"
        self.send(mailbox="full", latest_wins=True)
        self.may_end.set()

    def cancel_what_nobody_runs(self) -> None:
        """Replace, cancel one, cancel all, and clean up, with no worker alive."""
        waiting = [self.send(mailbox="whole") for _ in range(3)]
        edited = self.handle.message_with_options(args=("another text",), mailbox="whole").copy(message_id=waiting[0])
        assert self.broker.replace(edited)
        assert self.broker.cancel(waiting[0]) == "cancelled"
        assert self.broker.cancel_mailbox("whole") == (2, 0)
        self.broker.sweep()
        self.broker.prune()

    def measured(self) -> bool:
        return bool(self.broker.measures().run.count and self.broker.history("week"))

    def send(self, what: str = "", **options: Any) -> str:  # Any: a message's options
        return self.handle.send_with_options(args=(what,), **{"mailbox": "a", **options}).message_id

    def drain(self) -> None:
        self.broker.join("default", timeout=60_000)

    def _handle(self, what: str) -> None:
        run = current_run()
        assert run is not None
        match what:
            case "fails once" if run.attempt == 1:
                raise ConnectionError(what)
            case "fails":
                raise ValueError(what)
            case "has effects":
                self.handle.send("an effect")
                run.append("memory:a", b"a turn", keep=2, ttl_ms=60_000)
                run.put("value", b"v", ttl_ms=60_000)
                run.delete("attachment:1")
                run.cost = 2
            case "runs":
                self.runs.set()
                while not self.may_end.wait(0.01):
                    pass

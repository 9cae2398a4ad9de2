"""A worker that meets what somebody has written straight into Redis, past everything that checks it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines
from packing import packed
from real_server import eventually

from okos.mailbox import MailboxBroker
from okos.middleware import EventLoop, RateLimit, Retry, Shutdown, TimeLimit, UserMutex

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = "default"


class Poisoned:
    """A worker with one actor that is called by nobody but by name, and a way past everything that checks."""

    def __init__(self, url: str, namespace: str) -> None:
        self.called: list[tuple[Any, ...]] = []
        self.broker = MailboxBroker(
            url,
            namespace=namespace,
            lease_ms=3_000,
            middleware=[
                *(UserMutex(), RateLimit(jobs_per_second=1000, burst=1000), AgeLimit(), TimeLimit(), Shutdown()),
                *(EventLoop(), Callbacks(), Pipelines(), Retry(max_retries=0)),
            ],
        )

        @dramatiq.actor(broker=self.broker)
        def greet(*names: Any, **more: Any) -> None:  # Any: whatever was sent
            self.called.append((*names, *more.items()))

        self.greet = greet
        self.client, self.prefix = self.broker.store.client, self.broker.store.prefix
        self.worker = dramatiq.Worker(self.broker, worker_threads=4, worker_timeout=50)

    def start(self) -> None:
        self.broker.emit_after("process_boot")
        self.worker.start()
        self.serves("first")

    def serves(self, name: str) -> None:
        """See that somebody else's message is handled."""
        self.greet.send_with_options(args=(name,), mailbox=f"good:{name}")
        eventually(lambda: (name,) in self.called)

    def key(self, name: str) -> str:
        return self.prefix + name

    def plant(
        self, message_id: str | bytes, *, record: bytes | dict[str, object] | None = None, body: bytes | None = None
    ) -> None:
        """Write a message as a publication would leave it; a record that is bytes as it is, else with these fields."""
        box = f"bad:{message_id!r}"
        if not isinstance(record, bytes):
            fields = {"box": box, "queue": QUEUE, "at": 1, "state": "waiting", "bytes": 10} | (record or {})
            record = packed(fields)
        self.client.hset(self.key("msg"), message_id, record)
        if body is not None:
            self.client.hset(self.key("body"), message_id, body)
        self.client.rpush(self.key(f"box:{box}"), message_id)
        self.client.zadd(self.key(f"ready:{QUEUE}:1"), {box: 1})
        self.client.lpush(self.key(f"bell:{QUEUE}"), b"1")

    def errors(self) -> dict[str, str]:
        return {letter.id: letter.error for letter in self.broker.failed(limit=1000)}

    def is_well(self) -> None:
        """See that every thread lives, nothing is held for ever, and operators can still look."""
        engine = self.broker._engine
        assert engine is not None
        eventually(lambda: not engine.holdings.snapshot())
        assert all(part.is_alive() for part in (engine.pump, engine.heartbeat, engine.bell, engine.cancels))
        assert all(thread.is_alive() for thread in self.worker.workers)
        eventually(self.broker.workers)
        self.broker.gauges()
        self.broker.running()
        self.broker.delayed()
        for one in self.broker.failed(limit=1000):
            self.broker.message(one.id)
            self.broker.mailbox(one.mailbox)


@contextmanager
def a_victim(url: str, namespace: str) -> Iterator[Poisoned]:
    victim = Poisoned(url, namespace)
    victim.start()
    try:
        yield victim
    finally:
        victim.worker.stop()
        victim.broker.flush_all()
        victim.broker.close()


def a_body(**changed: Any) -> bytes:
    """Make the body of a message to the one actor there is, with what a test changes."""
    fields = {"queue_name": QUEUE, "actor_name": "greet", "args": ["poison"], "kwargs": {}, "options": {}}
    return json.dumps(fields | {"message_id": "m", "message_timestamp": 1} | changed).encode()

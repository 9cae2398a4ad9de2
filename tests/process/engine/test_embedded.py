"""A worker inside a process that is somebody else's: this one."""

import os
import threading
from collections.abc import Iterator

import dramatiq
import pytest
from real_server import eventually

from okos.mailbox import MailboxBroker


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace)
    yield broker
    broker.flush_all()
    broker.close()


def test_a_handler_that_hangs_costs_neither_the_process_nor_the_thread_and_fails_once(broker: MailboxBroker) -> None:
    reading, writing = os.pipe()
    told: list[str] = []
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def tell(message: dict[str, object], reason: dict[str, str]) -> None:
        told.append(f"{message['args']} {reason['type']}")

    @dramatiq.actor(broker=broker, on_failure="tell", max_retries=0, time_limit=100)
    def hang(name: str) -> None:  # noqa: ARG001  # told apart by it
        os.read(reading, 1)
        tell.send({}, {})  # never: it was given up

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        ran.append(name)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    try:
        hung_thread = worker.workers[0]
        hang.send_with_options(args=("a",), mailbox="user:7")
        work.send_with_options(args=("b",), mailbox="user:7")
        eventually(lambda: ran == ["b"])
        eventually(lambda: told == ["['a'] TimeLimitExceeded"])
        assert [letter.error.split(":")[0] for letter in broker.failed()] == ["TimeLimitExceeded"]

        os.write(writing, b"x")
        eventually(lambda: not hung_thread.is_alive())

        work.send_with_options(args=("c",), mailbox="user:7")
        broker.join("default", timeout=60_000)
        assert ran == ["b", "c"]
        assert len(told) == 1
        assert sum(thread in worker.workers for thread in threading.enumerate()) == 1
    finally:
        worker.stop()
        os.close(reading)
        os.close(writing)

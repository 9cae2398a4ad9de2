"""A worker inside a process that is somebody else's: this one."""

import os
import threading
from collections.abc import Iterator

import dramatiq
import pytest
from hooks import AT_MOST_S, HoldsUp
from real_server import eventually

from okos.mailbox import MailboxBroker, current_run
from okos.middleware import Retry, TimeLimit, UserMutex

#: Shorter than ten middlewares that hang would take one after the other, longer than any pause of this process.
LEASE_MS = 12_000


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


@pytest.mark.parametrize("hook", ["before", "after"])
def test_a_hook_that_hangs_keeps_neither_the_mailbox_nor_the_thread(broker: MailboxBroker, hook: str) -> None:
    hangs = HoldsUp(hook, whom="a")
    broker.add_middleware(hangs)
    ran: list[str] = []

    @dramatiq.actor(broker=broker, max_retries=0)
    def work(name: str) -> None:
        ran.append(name)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    try:
        hung_thread = worker.workers[0]
        work.send_with_options(args=("a",), mailbox="user:7", time_limit=100)
        work.send_with_options(args=("b",), mailbox="user:7")

        eventually(lambda: "b" in ran)

        assert [letter.error.split(":")[0] for letter in broker.failed()] == ["TimeLimitExceeded"]
        hangs.gate.set()
        eventually(lambda: not hung_thread.is_alive())
        broker.join("default", timeout=60_000)
        assert ran == {"before": ["b"], "after": ["a", "b"]}[hook]
        assert (broker.stats().dead, broker.stats().done) == (1, 1)
    finally:
        hangs.gate.set()
        worker.stop()


def test_many_that_hang_at_once_keep_no_lease_from_being_renewed(url: str, namespace: str) -> None:
    judging, gate = HoldsUp("judging"), threading.Event()
    broker = MailboxBroker(
        url,
        namespace=namespace,
        lease_ms=LEASE_MS,
        middleware=[UserMutex(), TimeLimit(), Retry(max_retries=0), judging],
    )
    other = MailboxBroker(url, namespace=namespace, lease_ms=LEASE_MS, client=True, middleware=[])
    reading, writing = os.pipe()

    @dramatiq.actor(broker=broker, time_limit=100)
    def hang() -> None:
        os.read(reading, 1)

    @dramatiq.actor(broker=broker)
    def work() -> None:
        gate.wait(AT_MOST_S)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=11)
    worker.start()
    try:
        work.send()
        for _ in range(10):
            hang.send()

        def are_given_up() -> bool:
            other.sweep()  # another process looks for those whose lease ran out
            return other.stats().dead == 10

        eventually(are_given_up)

        assert len(judging.held) == 10
        assert other.stats().stalled == 0
        gate.set()
        eventually(lambda: other.stats().done == 1)
    finally:
        gate.set()
        judging.gate.set()
        os.write(writing, b"x" * 10)
        worker.stop()
        broker.flush_all()
        broker.close()
        other.close()
        os.close(reading)
        os.close(writing)


def test_what_a_stopping_worker_has_claimed_and_not_started_goes_back_uncounted(broker: MailboxBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    def work() -> None:
        run = current_run()
        assert run is not None
        attempts.append(run.attempt)

    stopped = dramatiq.Worker(broker, worker_timeout=20, worker_threads=2)
    stopped.start()
    stopped.pause()  # it goes on claiming, and starts nothing
    for _ in range(3):
        work.send()
    eventually(lambda: broker.stats().running == 2)

    stopped.stop()

    assert (broker.stats().running, broker.stats().waiting) == (0, 3)
    worker = dramatiq.Worker(broker, worker_timeout=20, worker_threads=2)
    worker.start()
    broker.join("default", timeout=60_000)
    worker.stop()
    assert attempts == [1, 1, 1]

"""Who consumes in an OS process: a worker all of its queues from the start, a client its own and nothing more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq

from okos.mailbox import MailboxBroker
from okos.middleware import UserMutex

Wait = Callable[[Callable[[], object]], None]


@contextmanager
def a_running(broker: MailboxBroker, queues: set[str] | None = None) -> Iterator[None]:
    """Run a stock worker of one thread in this process."""
    worker = dramatiq.Worker(broker, queues=queues, worker_threads=1, worker_timeout=50)
    broker.emit_after("process_boot")
    worker.start()
    yield
    worker.stop()
    broker.close()


def declare(broker: MailboxBroker, *names: str) -> None:
    for name in names:
        dramatiq.actor(broker=broker, actor_name=name, queue_name=name)(lambda: None)


def test_a_worker_names_all_of_its_queues_from_its_first_sign_of_life(
    url: str, namespace: str, wait_until: Wait
) -> None:
    broker = MailboxBroker(url, namespace=namespace, middleware=[])
    declare(broker, "text", "photo", "sticker", "another")

    with a_running(broker, {"text", "photo", "sticker"}):
        wait_until(broker.workers)

        assert broker.workers()[0].queues == ("photo", "sticker", "text")


def test_a_client_is_no_worker(url: str, namespace: str, wait_until: Wait) -> None:
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    got: list[str] = []
    dramatiq.actor(broker=broker, actor_name="deliver", queue_name="outbox.local.a")(got.append)

    with a_running(broker):
        broker.enqueue(
            dramatiq.Message(queue_name="outbox.local.a", actor_name="deliver", args=("hi",), kwargs={}, options={})
        )
        wait_until(lambda: got == ["hi"])

        assert broker.workers() == []


def test_a_client_leaves_the_policy_in_force(url: str, namespace: str, wait_until: Wait) -> None:
    worker_broker = MailboxBroker(url, namespace=namespace, middleware=[UserMutex(max_jobs_per_user=3)])
    client_broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    declare(worker_broker, "text")
    declare(client_broker, "deliver")

    with a_running(worker_broker):
        wait_until(lambda: window(worker_broker) == b"3")
        with a_running(client_broker):
            client_broker.enqueue(
                dramatiq.Message(queue_name="deliver", actor_name="deliver", args=(), kwargs={}, options={})
            )
            wait_until(lambda: worker_broker.stats().done == 1)

            assert window(worker_broker) == b"3"


def window(broker: MailboxBroker) -> object:
    return broker.store.client.hget(f"{broker.store.prefix}engine", "jobs")

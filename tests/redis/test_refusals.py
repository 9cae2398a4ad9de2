"""What is refused ends in our words, at once, and leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path

import dramatiq
import pytest
from real_server import a_server
from redis import Redis

from okos.envelope import Attachment
from okos.local.channel import LocalChannel
from okos.local.question import Photo, Question
from okos.mailbox import MailboxBroker, MailboxFull, StoreUnavailable, current_run
from okos.settings import Settings
from okos.status import read_status

Wait = Callable[[Callable[[], object]], None]


def test_too_many_effects_bury_a_message_at_once(url: str, namespace: str, wait_until: Wait) -> None:
    broker = MailboxBroker(url, namespace=namespace)
    runs: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=1)
    def too_much() -> None:
        run = current_run()
        assert run is not None
        runs.append(run.attempt)
        for number in range(257):
            run.put(f"name {number}", b"", ttl_ms=1000)

    too_much.send()
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    broker.emit_after("process_boot")
    worker.start()
    wait_until(lambda: broker.stats().dead)
    (letter,) = broker.failed()
    worker.stop()
    broker.close()

    assert (runs, letter.retries) == ([1], 0)
    assert "256 effects" in letter.error


@pytest.mark.parametrize("delay_ms", [10**30, float("inf"), 1e300])
def test_a_handler_may_ask_for_any_wait_and_its_message_stays_readable(
    url: str, namespace: str, wait_until: Wait, delay_ms: float
) -> None:
    broker = MailboxBroker(url, namespace=namespace)

    @dramatiq.actor(broker=broker)
    def wait_for_ever() -> None:
        raise dramatiq.Retry("not in this age", delay=delay_ms)  # type: ignore[arg-type]  # as somebody might

    sent = wait_for_ever.send_with_options(mailbox="a")
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    broker.emit_after("process_boot")
    worker.start()
    wait_until(lambda: broker.stats().retried)
    worker.stop()
    (waiting,) = broker.mailbox("a").messages
    cancelled = broker.cancel(sent.message_id)
    broker.close()

    assert (waiting.id, waiting.state, cancelled) == (sent.message_id, "backoff", "cancelled")


def test_a_full_memory_is_told_to_whoever_stores_something(namespace: str) -> None:
    with a_server(options={"maxmemory": "1"}) as server:
        broker = MailboxBroker(server.url, namespace=namespace)

        with pytest.raises(StoreUnavailable, match="takes no writes now"):
            broker.write("a name", b"a value", ttl_ms=1000)

        broker.close()


def test_the_file_of_a_message_that_was_not_accepted_is_not_kept(url: str, namespace: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, redis_url=url, namespace=namespace, max_backlog=1)
    photo = Question(text="", photo=Photo(content=b"bytes", mime="image/png", file_name="a.png"))

    with LocalChannel(settings, on_reply=lambda _: None) as channel:
        accepted = channel.envelope(photo, user="7")
        channel.send(accepted, photo)
        refused = channel.envelope(photo, user="7")
        with pytest.raises(MailboxFull):
            channel.send(refused, photo)

        assert accepted.attachment is not None
        assert refused.attachment is not None
        assert channel.broker.read(accepted.attachment.name) == b"bytes"
        assert channel.broker.read(refused.attachment.name) is None


def test_a_file_that_was_read_is_handed_out_though_the_server_takes_no_writes_now(tmp_path: Path) -> None:
    with a_server() as server:
        channel = LocalChannel(Settings(home=tmp_path, redis_url=server.url), on_reply=lambda _: None)
        channel.broker.write("a name", b"bytes", ttl_ms=60_000)
        with Redis.from_url(server.admin_url) as admin:
            admin.replicaof("127.0.0.1", 1)

        content = channel.take_file(Attachment(name="a name", mime=None, file_name=None, size_bytes=5))

        assert content == b"bytes"
        channel.broker.close()


def test_a_worker_with_a_long_lease_is_alive_between_its_heartbeats(
    url: str, admin: Redis, namespace: str, tmp_path: Path
) -> None:
    lease_ms = 600_000
    broker = MailboxBroker(url, namespace=namespace, lease_ms=lease_ms)
    said = '{"pid":1,"host":"h","threads":1,"queues":["text"],"in_hand":0}'
    broker.store.call("renew", "a worker", lease_ms, said, 0)
    # Its last heartbeat was a minute ago, and the next is to come in more than two.
    admin.zincrby(broker.store.key("procs"), -60_000, "a worker")
    broker.close()

    status = read_status(Settings(home=tmp_path, redis_url=url, namespace=namespace, lease_ms=lease_ms))

    assert status.works

"""Releases that share a namespace: one schema lets them, another keeps them out; and what the other one has added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from redis import Redis

from okos.mailbox import MailboxBroker, WrongSchema
from okos.mailbox.schema import SCHEMA
from okos.mailbox.store import TRANSITIONS, Store
from okos.middleware import Retry
from okos.server import as_admin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailboxes import Mailboxes

    Wait = Callable[[Callable[[], object]], None]

LATER = SCHEMA + 1

_ADD = """
local record = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1]))
record[ARGV[2]] = ARGV[3]
return redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(record))
"""


@pytest.fixture
def store(url: str, namespace: str) -> Iterator[Store]:
    store = Store(url, namespace)
    yield store
    store.delete_all()
    store.close()


def schema(store: Store) -> object:
    return store.client.hget(store.key("engine"), "schema")


def everything(store: Store) -> dict[bytes, object]:
    """Every key of the namespace with its value as the server would move it."""
    with Redis.from_url(as_admin(store.url)) as admin:
        return {key: admin.dump(key) for key in admin.scan_iter(match=f"{store.prefix}*")}


def add_to_record(mailboxes: Mailboxes, message_id: str, field: str, value: str) -> None:
    """Do what a later release may do: it knows of one thing more to remember."""
    mailboxes.admin.eval(_ADD, 1, mailboxes.store.key("msg"), message_id, field, value)


# -- the number ------------------------------------------------------------------------------------------------------


def test_the_first_thing_that_is_stored_comes_with_the_number(store: Store) -> None:
    assert schema(store) is None

    store.call("stats")

    assert schema(store) == b"%d" % SCHEMA


def test_a_worker_gives_the_number_to_what_was_stored_before_there_was_one(store: Store) -> None:
    store.call("stats")
    store.client.hdel(store.key("engine"), "schema")

    Store(store.url, store.prefix[1:-2]).call("limit", "", 1, 0, 1, 0, 1)

    assert schema(store) == b"%d" % SCHEMA


@pytest.mark.parametrize("name", TRANSITIONS)
def test_no_transition_runs_on_what_a_later_release_has_stored(name: str, store: Store) -> None:
    store.client.hset(store.key("engine"), mapping={"schema": LATER, "last": 1})
    before = everything(store)

    with pytest.raises(WrongSchema, match="nothing was touched"):
        store.call(name, *["0"] * 20)

    assert everything(store) == before


def test_neither_is_a_value_stored_or_deleted_there(store: Store) -> None:
    store.client.hset(store.key("engine"), "schema", LATER)
    broker = MailboxBroker(store.url, namespace=store.prefix[1:-2])
    before = everything(store)

    changes: list[Callable[[], None]] = [
        lambda: broker.write("name", b"value", ttl_ms=1000),
        lambda: broker.write_all({"name": b"value"}, ttl_ms=1000),
        lambda: broker.delete("name"),
    ]
    for change in changes:
        with pytest.raises(WrongSchema):
            change()

    assert everything(store) == before
    broker.close()


def test_a_worker_does_not_start_there_and_says_why(store: Store) -> None:
    store.client.hset(store.key("engine"), "schema", LATER)
    broker = MailboxBroker(store.url, namespace=store.prefix[1:-2])

    with pytest.raises(WrongSchema, match=f"is of schema {LATER}"):
        dramatiq.Worker(broker).start()

    assert [finding.text for finding in broker.check() if finding.name == "schema"] != []
    broker.close()


def test_it_goes_on_once_the_data_are_its_own_again(store: Store) -> None:
    store.client.hset(store.key("engine"), "schema", LATER)
    with pytest.raises(WrongSchema):
        store.call("stats")

    store.client.hset(store.key("engine"), "schema", SCHEMA)

    assert store.call("stats")


def test_the_number_is_asked_for_once_and_not_with_every_message(store: Store, admin: Redis) -> None:
    store.call("stats")
    admin.config_resetstat()

    for _ in range(10):
        store.call("stats")

    reads: Any = store.client.info("commandstats").get("cmdstat_hget", {"calls": 0})
    assert reads["calls"] == 0


# -- what a later release of the same schema adds ----------------------------------------------------------------------


def test_a_field_of_a_record_that_this_release_does_not_know_is_kept_through_all_that_happens(
    mailboxes: Mailboxes,
) -> None:
    mailboxes.publish("m1")
    add_to_record(mailboxes, "m1", "colour", "green")

    mailboxes.settle(mailboxes.claim(), "retry", delay_ms=0)  # fails
    mailboxes.settle(mailboxes.claim(), "release")  # is given back
    mailboxes.claim("killed")  # loses its process
    mailboxes.live_through(20_000)
    assert mailboxes.sweep() == [("m1", "stalled")]
    mailboxes.settle(mailboxes.claim(), "dead", error="it cannot be done")
    assert mailboxes.record("m1")["colour"] == "green"

    mailboxes.store.call("requeue", "m1")

    assert mailboxes.record("m1")["colour"] == "green"
    assert mailboxes.claim().id == "m1"


def test_it_does_not_change_how_the_message_ends(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}")
        add_to_record(mailboxes, f"m{number}", "colour", "green")

    for number in range(3):
        started = mailboxes.claim()
        assert (started.id, started.attempt) == (f"m{number}", 1)
        assert mailboxes.settle(started) == "ok"

    assert mailboxes.stats().done == 3


def test_an_option_that_this_release_does_not_know_reaches_the_handler_and_changes_nothing(
    url: str, namespace: str, wait_until: Wait
) -> None:
    broker = MailboxBroker(url, namespace=namespace)
    seen: list[object] = []

    @dramatiq.actor(broker=broker)
    def look(text: str) -> None:
        seen.append(text)

    sent = look.message_with_options(args=("hello",), mailbox="user:7", colour="green", shades={"dark": [1, 2]})
    broker.enqueue(sent)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()
    wait_until(lambda: seen == ["hello"])
    wait_until(lambda: broker.stats().done == 1)
    worker.stop()
    broker.flush_all()
    broker.close()


def test_an_actor_that_only_a_later_release_knows_is_tried_again_and_then_a_dead_letter_to_requeue(
    url: str, namespace: str, wait_until: Wait
) -> None:
    broker = MailboxBroker(url, namespace=namespace, middleware=[Retry(max_retries=2, min_backoff=1, max_backoff=1)])
    done: list[str] = []
    dramatiq.actor(broker=broker, actor_name="known")(done.append)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()

    def send(actor: str) -> None:
        options = {"mailbox": "user:7"}
        broker.enqueue(
            dramatiq.Message(queue_name="default", actor_name=actor, args=("x",), kwargs={}, options=options)
        )

    send("of the next release")
    send("known")
    wait_until(lambda: broker.stats().dead == 1)
    wait_until(lambda: done == ["x"])  # behind it in the same mailbox
    (letter,) = broker.failed()
    assert letter.attempts == 3
    assert letter.error == "ActorNotFound: of the next release"

    dramatiq.actor(broker=broker, actor_name="of the next release")(done.append)
    broker.requeue([letter.id])
    wait_until(lambda: done == ["x", "x"])
    worker.stop()
    broker.flush_all()
    broker.close()


def test_what_a_later_worker_says_of_itself_besides_is_passed_over(mailboxes: Mailboxes) -> None:
    said = '{"pid":1,"host":"there","threads":8,"queues":["q"],"in_hand":0,"colour":"green"}'

    mailboxes.store.call("renew", "later", 15_000, said, 0)

    broker = MailboxBroker(mailboxes.store.url, namespace=mailboxes.store.prefix[1:-2])
    try:
        # its clock is the test's, and so its sign of life is old or young; that it can be read is what counts
        broker.gauges()
        assert broker.stats().waiting == 0
    finally:
        broker.close()

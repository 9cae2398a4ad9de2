"""What the broker refuses an operator, and what it does for one on a server that is full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dramatiq
import pytest
from mailboxes import End
from real_server import a_server
from redis import Redis

from okos.mailbox import BadMessage, MailboxBroker
from okos.mailbox.operations import LETTERS_AT_ONCE
from okos.mailbox.publication import MOST_BODY_BYTES
from okos.operate.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailboxes import Mailboxes


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace)
    yield broker
    broker.flush_all()
    broker.close()


def a_message(text: str, *, queue: str = "text", **options: object) -> dramatiq.Message[object]:
    return dramatiq.Message(
        queue_name=queue,
        actor_name="answer",
        args=(text,),
        kwargs={},
        options={"mailbox": "a", **options},
        message_id="m1",
    )


def test_an_empty_key_means_nobody_and_not_everybody(broker: MailboxBroker) -> None:
    for desk in (broker, Desk(broker, "somebody")):
        with pytest.raises(BadMessage, match="not empty"):
            desk.pause("")
        with pytest.raises(BadMessage, match="not empty"):
            desk.limit("", max_jobs_per_user=7)
        assert broker.pause(None)
        with pytest.raises(BadMessage, match="not empty"):
            desk.resume("")
        assert broker.resume(None)

    assert broker.limits().everybody.max_jobs_per_user != 7
    assert broker.audit() == []


def test_a_replacement_must_be_one_that_could_be_published(broker: MailboxBroker) -> None:
    broker.enqueue(a_message("before"))

    with pytest.raises(BadMessage, match="the most a message may have"):
        broker.replace(a_message("x" * MOST_BODY_BYTES))
    with pytest.raises(BadMessage, match="cost must be"):
        broker.replace(a_message("x", cost=-1))
    with pytest.raises(BadMessage, match="is in queue 'text' and stays there"):
        broker.replace(a_message("x", queue="photo"))

    assert broker.replace(a_message("after"))
    seen = broker.message("m1")
    assert seen is not None
    assert seen.message is not None
    assert seen.message.args == ("after",)
    assert not broker.replace(a_message("x").copy(message_id="never there"))


def test_more_dead_letters_than_one_call_may_name_are_requeued_and_discarded(
    broker: MailboxBroker, open_mailboxes: Callable[..., Mailboxes]
) -> None:
    mailboxes = open_mailboxes()
    ids = [f"m{number}" for number in range(2 * LETTERS_AT_ONCE + 1)]

    def bury() -> None:
        while started := mailboxes.claim_all().started:
            mailboxes.settle_all(*(End(one.id, one.token, "dead", error="boom") for one in started))

    for number, message_id in enumerate(ids):
        mailboxes.publish(message_id, f"box {number}")
    bury()

    assert broker.requeue(ids) == len(ids)
    assert mailboxes.stats().dead == 0
    bury()
    assert broker.requeue_all() == len(ids)
    bury()
    assert broker.discard(ids) == len(ids)


def test_everything_goes_on_and_whoever_waits_is_told_though_memory_is_full(namespace: str) -> None:
    with a_server() as server, Redis.from_url(server.admin_url) as admin:
        broker = MailboxBroker(server.url, namespace=namespace)
        said = {"pid": 1, "host": "h", "threads": 1, "queues": ["text", "photo"], "in_hand": 0}
        broker.store.call("renew", "p1", 60_000, json.dumps(said), 0)
        broker.pause()
        admin.config_set("maxmemory", 1)

        assert broker.resume()
        assert not broker.resume()

        assert {name.decode() for name in admin.scan_iter(match="*bell*")} == {
            f"{{{namespace}}}:bell:text",
            f"{{{namespace}}}:bell:photo",
        }
        broker.close()

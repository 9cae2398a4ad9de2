from __future__ import annotations

from typing import TYPE_CHECKING, Any

from okos.envelope import Envelope, Reply
from okos.intake import kinds_handled, publish, route
from okos.mailbox import WorkerSeen
from okos.settings import Kind, Settings

if TYPE_CHECKING:
    from dramatiq import Message


class Accepting:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.accepted: list[Message[Any]] = []

    def enqueue(self, message: Message[Any]) -> object:
        self.accepted.append(message)
        return message


def an_envelope(kind: str = "text") -> Envelope:
    return Envelope(id="m1", channel="local", chat="7", user="7", kind=kind, sent_at_ms=0, reply_to="outbox.local.a")


def a_worker(*queues: str) -> WorkerSeen:
    return WorkerSeen(id="w", pid=1, host="h", threads=1, queues=queues, in_hand=0, seen_ms_ago=0)


def published(kind: str, *, handled: tuple[str, ...] = ("text", "photo"), **settings: Any) -> Message[Any]:
    broker = Accepting()
    publish(broker, an_envelope(kind), settings=Settings(**settings), handled=handled)
    return broker.accepted[0]


def test_a_message_goes_to_the_actor_and_the_queue_of_its_kind() -> None:
    message = published("photo")

    assert (message.queue_name, message.actor_name) == ("photo", "photo")
    assert Envelope.decode(message.args[0]) == an_envelope("photo")


def test_a_kind_that_nobody_handles_goes_to_the_actor_that_says_so() -> None:
    message = published("voice")

    assert (message.queue_name, message.actor_name) == ("unsupported", "unsupported")
    assert Envelope.decode(message.args[0]).kind == "voice"


def test_publishing_an_envelope_twice_is_publishing_it_once() -> None:
    message = published("text")

    assert (message.message_id, message.options["dedup_id"]) == ("m1", "m1")


def test_a_message_waits_in_its_users_mailbox_with_what_its_kind_counts_for() -> None:
    message = published("photo", max_backlog=5, kinds={"photo": {"priority": 2, "cost": 7}})

    assert message.options["mailbox"] == "local:7"
    assert {name: message.options[name] for name in ("priority", "cost", "max_backlog")} == {
        "priority": 2,
        "cost": 7,
        "max_backlog": 5,
    }


def test_a_message_carries_the_apology_for_when_nobody_can_say_more() -> None:
    apology = published("text").options["on_dead"]
    reply = Reply.decode(apology.args[0])

    assert apology.queue_name == "outbox.local.a"
    assert (reply.envelope_id, reply.failed, reply.last) == ("m1", True, True)


def test_the_kinds_that_are_handled_are_what_the_live_workers_serve() -> None:
    handled = kinds_handled([a_worker("text", "maintenance"), a_worker("voice")], Settings())

    assert route("voice", handled) == "voice"
    assert route("photo", handled) == "unsupported"


def test_while_no_worker_lives_the_settings_say_what_is_handled() -> None:
    handled = kinds_handled([], Settings(kinds={"voice": Kind()}))

    assert [route(kind, handled) for kind in ("photo", "voice", "dice")] == ["photo", "voice", "unsupported"]

"""The way in: an envelope becomes the message that a worker claims, whatever channel it came from.

The rule kept here: what is accepted is answered. So a message goes to a queue that some worker serves (one of a kind
that nobody handles to the actor that says so), and it carries the apology that its user gets if it is given up on
without a handler having had a word. What this module must not know: where the envelope came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dramatiq import Message

from okos.assistant.loader import UNSUPPORTED
from okos.outbox import apology, posted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from okos.envelope import Envelope
    from okos.mailbox import WorkerSeen
    from okos.settings import Settings


class Publisher(Protocol):
    """What puts a message into its mailbox: the broker."""

    # Any: Dramatiq's messages carry the type of a result that nobody reads.
    def enqueue(self, message: Message[Any]) -> object:
        """Accept the message, or raise."""


def publish(broker: Publisher, envelope: Envelope, *, settings: Settings, handled: Collection[str]) -> None:
    """Put an envelope into its user's mailbox. Doing it again with the same envelope changes nothing.

    Args:
        broker: Where to.
        envelope: The message of a user; its attachment's bytes, if any, are in the store already.
        settings: What its kind counts for, and how many messages of one user may wait.
        handled: The kinds that the workers handle (`kinds_handled`).

    Raises:
        MailboxFull: The user has `max_backlog` messages waiting; this one was not accepted.
        StoreUnavailable: No answer; it may have been accepted, and may be published again.
    """
    broker.enqueue(message_of(envelope, settings=settings, handled=handled))


def message_of(
    envelope: Envelope,
    *,
    settings: Settings,
    handled: Collection[str],
    dedup_id: str | None = None,
    hold_ms: int = 0,
) -> Message[Any]:
    """Make the message that a worker claims.

    Args:
        envelope: The message of a user.
        settings: What its kind counts for, and how many messages of one user may wait.
        handled: The kinds that the workers handle.
        dedup_id: By what it is told from others for longer than it is kept; None: by its id.
        hold_ms: It takes its place in the mailbox, and cannot start before.
    """
    kind = settings.kind(envelope.kind)
    name = route(envelope.kind, handled)
    options: dict[str, Any] = {  # Any: Dramatiq's own
        "mailbox": envelope.mailbox,
        "dedup_id": dedup_id or envelope.id,
        "cost": kind.cost,
        "priority": kind.priority,
        "max_backlog": settings.max_backlog,
        "on_dead": posted(envelope, apology(envelope)),
    }
    if hold_ms:
        options["hold"] = hold_ms
    return Message(
        queue_name=name,
        actor_name=name,
        args=(envelope.encode(),),
        kwargs={},
        options=options,
        message_id=envelope.id,
    )


def route(kind: str, handled: Collection[str]) -> str:
    """Name the actor, and so the queue, for a kind of message."""
    return kind if kind in handled else UNSUPPORTED


def kinds_handled(workers: Iterable[WorkerSeen], settings: Settings) -> frozenset[str]:
    """Tell which kinds have a handler: those whose queues the live workers serve.

    While no worker is alive nobody can say; then it is the kinds that the settings name.
    """
    served = frozenset(queue for worker in workers for queue in worker.queues)
    return served or frozenset(settings.kinds)

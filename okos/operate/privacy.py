"""What is kept of one mailbox, that is of one user, chat or topic: told, handed out, erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.assistant import memory
from okos.operate.text import describe_message
from okos.outbox import is_outbox_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from okos.assistant.memory import Remembered
    from okos.mailbox import DeadLetter, MailboxBroker


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What there is.

    Attributes:
        waiting: Messages that wait or run.
        dead: Messages that were given up, and answers.
        done: Ids of messages that were answered, and of answers that were said, as far as they are kept.
        turns: What was said and answered lately, oldest first.
    """

    waiting: int
    dead: tuple[DeadLetter, ...]
    done: tuple[str, ...]
    turns: tuple[Remembered, ...]

    def __str__(self) -> str:
        """Say how much there is."""
        return (
            f"{self.waiting} waiting, {len(self.dead)} given up, {len(self.done)} done,"
            f" {len(self.turns)} turns remembered"
        )

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return bool(self.waiting or self.dead or self.done or self.turns)


def kept_of(broker: MailboxBroker, mailbox: str) -> Kept:
    """Look at what is kept of a mailbox. Raises StoreUnavailable."""
    return Kept(
        waiting=broker.mailbox(mailbox, limit=1).length,
        dead=tuple(one for one in broker.failed(limit=broker.stats().dead) if _is_of(one.mailbox, mailbox)),
        done=tuple(broker.done(lambda one: _is_of(one, mailbox))),
        turns=memory.all_of(broker.read_list(memory.store_name(mailbox))),
    )


def said_in(broker: MailboxBroker, message_ids: Iterable[str]) -> list[dict[str, Any]]:  # Any: JSON
    """Give messages with what they say; what is gone by now is left out. Raises StoreUnavailable."""
    details = (broker.message(one) for one in message_ids)
    return [describe_message(one.message, texts=True) for one in details if one is not None and one.message is not None]


def erase(broker: MailboxBroker, mailbox: str) -> Kept:
    """Erase it: what waits is cancelled, what runs is stopped, and nothing is left of what it would have written.

    So is what is kept for a while of messages that were answered and of answers that were said. An answer that is on
    its way is said; a delayed message and the files of messages, which go by themselves within a day, stay. Returns
    what there was.

    Raises:
        StoreUnavailable: No answer; do it again.
    """
    kept = kept_of(broker, mailbox)
    broker.cancel_mailbox(mailbox, reason="erased")
    broker.discard(letter.id for letter in kept.dead)
    broker.discard_done(lambda one: _is_of(one, mailbox))
    broker.delete(memory.store_name(mailbox))
    return kept


def _is_of(one: str, mailbox: str) -> bool:
    return one == mailbox or is_outbox_of(one, mailbox)

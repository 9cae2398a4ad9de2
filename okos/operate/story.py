"""What has become of one message, from its user's hand to the answer in the chat.

The engine knows of its attempts; the envelope says when it was written, and what it sent when it ended says how its
answer fares. Clocks of three machines meet here (Telegram's, the gateway's, the store's): where two of them meet, the
order is that of the road, and not that of the clocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dramatiq

    from okos.mailbox import MailboxBroker, MessageDetail

#: How a reply fares, by its state in the outbox; what it says is for Telegram, and for a client of the local channel.
_REPLIES = {
    "delayed": ("answer is held back", "answer is held back"),
    "waiting": ("answer waits for the gateway", "answer waits for its client"),
    "running": ("answer is being said", "answer is being handed over"),
    "backoff": ("answer waits to be said again", "answer waits to be handed over again"),
    "done": ("answer sent", "answer handed to its client"),
    "dead": ("answer could not be delivered", "answer could not be delivered"),
}
_LOCAL = "outbox.local."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened.

    Attributes:
        at_ms: When, by the clock of where it happened; None if that is not kept.
        mood: 'good' or 'bad' if it is one of them, else empty.
        message_id: Of the other message that it is about, if it is about one.
    """

    at_ms: int | None
    what: str
    error: str = ""
    mood: str = ""
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A message, what it sent when it ended, and what happened to both, in order."""

    detail: MessageDetail
    sent: Sequence[MessageDetail]
    steps: Sequence[Step]


def read_story(broker: MailboxBroker, message_id: str) -> Story | None:
    """Look a message up, and its answers; None if nothing is known of it.

    Raises:
        StoreUnavailable: The server does not answer.
    """
    detail = broker.message(message_id)
    if detail is None:
        return None
    has_ended = detail.state in {"done", "dead", "ended"}
    sent = broker.sent_by(detail.id, epoch=detail.requeued) if has_ended or detail.requeued else []
    return Story(detail=detail, sent=sent, steps=tell(detail, sent))


def tell(detail: MessageDetail, sent: Sequence[MessageDetail]) -> list[Step]:
    """Put a message's events and those of what it sent into one list.

    The store's clock dates both; a message that was requeued may have sent something in each of its lives.
    """
    after = sorted(map(_after, sent), key=_instant)
    return [*_before(detail), *merge(_within(detail), after, key=_instant)]


def _instant(step: Step) -> float:
    return math.inf if step.at_ms is None else step.at_ms


def _before(detail: MessageDetail) -> Iterator[Step]:
    """Say when it was written and received, of a message that came from somebody."""
    written_ms = None if detail.message is None else _written_ms(detail.message)
    if detail.message is None or written_ms is None:
        return
    if detail.mailbox.startswith("local:"):
        yield Step(at_ms=written_ms, what="received by a local client")
        return
    yield Step(at_ms=written_ms, what="written by its user")
    yield Step(at_ms=detail.message.message_timestamp, what="received by the gateway")


def _within(detail: MessageDetail) -> Iterator[Step]:
    for event in detail.events:
        is_bad = bool(event.error) or "dead letter" in event.what
        mood = "bad" if is_bad else "good" if event.what == "completed" else ""
        yield Step(at_ms=event.at_ms, what=event.what, error=event.error, mood=mood)


def _after(one: MessageDetail) -> Step:
    if one.state not in _REPLIES:
        return Step(at_ms=None, what="what it sent was taken, or has expired", message_id=one.id)
    if not one.queue.startswith("outbox."):
        return Step(at_ms=one.published_at_ms, what=f"sent a message to {one.actor or one.queue}", message_id=one.id)
    for_telegram, for_local = _REPLIES[one.state]
    return Step(
        at_ms=one.ended_at_ms or one.claimed_at_ms or one.published_at_ms,
        what=for_local if one.queue.startswith(_LOCAL) else for_telegram,
        error="" if one.state == "done" else one.error,
        mood="good" if one.state == "done" else "bad" if one.state == "dead" else "",
        message_id=one.id,
    )


def _written_ms(message: dramatiq.Message[Any]) -> int | None:  # Any: what was sent
    """Read from an envelope when its user sent it; None if this is none."""
    body = message.args[0] if message.args else None
    if not isinstance(body, dict) or not {"channel", "chat", "reply_to"} <= body.keys():
        return None
    sent_at_ms = body.get("sent_at_ms")
    return sent_at_ms if isinstance(sent_at_ms, int) else None

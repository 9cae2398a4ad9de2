"""What an operator sees of a mailbox and of dead letters: values read from the store's replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from okos.mailbox.reading import actor_of, message_or_none, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dramatiq


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen:
    """A message in its mailbox.

    Attributes:
        state: 'waiting', 'running', or 'backoff' (it has started before and waits to run again).
        actor: None when its body cannot be decoded.
        due_in_ms: Until it may start, for a backoff or a hold; else 0.
        error: Of its last attempt, or empty.
    """

    id: str
    state: str
    actor: str | None
    attempts: int
    retries: int
    stalls: int
    age_ms: int
    due_in_ms: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSeen:
    """A mailbox.

    Attributes:
        place: 'idle', 'ready', 'timed', 'full' (something runs) or 'paused'.
        due_in_ms: Until something in it may start; None unless it is timed.
        length: How many messages are in it; `messages` is a page of them.
    """

    key: str
    place: str
    due_in_ms: int | None
    length: int
    paused: bool
    max_jobs_per_user: int
    jobs_per_second: float
    burst: int
    messages: tuple[MessageSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up. `ended_at_ms` is Unix time by the server's clock."""

    id: str
    mailbox: str
    queue: str
    message: dramatiq.Message[Any] | None  # Any: what the actor would return
    error: str
    trace: str
    attempts: int
    retries: int
    stalls: int
    ended_at_ms: int


class Which(TypedDict, total=False):
    """Which dead letters are meant: those to which all fits that is given and not None.

    Attributes:
        mailbox: Only of this mailbox.
        since_ms: Only given up at or after this instant (Unix time, ms).
        until_ms: Only given up before this instant.
        error: Only with this in their error, in capitals or not.
        alike: Only with this error but for the numbers and ids in it, as a group of `failed_groups` names it.
        actor: Only of this actor.
    """

    mailbox: str | None
    since_ms: int | None
    until_ms: int | None
    error: str | None
    alike: str | None
    actor: str | None


def read_mailbox(key: str, reply: Any) -> MailboxSeen:  # Any: Redis' reply
    """Read the mailbox script's reply."""
    place, due_in_ms, length, paused, jobs, rate, burst, items = reply
    return MailboxSeen(
        key=key,
        place=place.decode(),
        due_in_ms=None if due_in_ms < 0 else due_in_ms,
        length=length,
        paused=bool(paused),
        max_jobs_per_user=jobs,
        jobs_per_second=float(rate),
        burst=burst,
        messages=tuple(
            MessageSeen(
                id=shown(item[0]),
                state=shown(item[1]),
                actor=actor_of(item[2]),
                attempts=item[3],
                retries=item[4],
                stalls=item[5],
                age_ms=item[6],
                due_in_ms=item[7],
                error=shown(item[8]),
            )
            for item in items
        ),
    )


def read_dead(item: Sequence[Any]) -> DeadLetter:  # Any: Redis' reply
    """Read one dead letter of the failed script's reply."""
    return DeadLetter(
        id=shown(item[0]),
        mailbox=shown(item[1]),
        queue=shown(item[2]),
        message=message_or_none(item[3]),
        error=item[4].decode("utf-8", "replace"),
        trace=item[5].decode("utf-8", "replace"),
        attempts=item[6],
        retries=item[7],
        stalls=item[8],
        ended_at_ms=item[9],
    )

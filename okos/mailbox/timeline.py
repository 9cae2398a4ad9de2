"""What has become of one message: its record, and what is kept of its attempts, as a list of events.

The record says when it was published, what holds it now and when it ended; an attempt that did not end well is written
down by the process that ran it, with its next heartbeat (lua/measure.lua). An attempt that ended well leaves nothing
but the message's end: so that a message that is answered at once costs nothing more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import dramatiq
from dramatiq.errors import DecodeError

#: How an attempt ended, as it reads in a timeline.
_ENDED = {
    "retry": "failed, to run again",
    "dead": "failed, given up",
    "cancelled": "stopped, as it was cancelled",
    "released": "given back, to run again",
    "deferred": "put off",
    "ok": "done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a message. `error` is that of an attempt, or empty."""

    at_ms: int
    what: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetail:
    """A message.

    Attributes:
        state: 'delayed', 'waiting', 'running', 'backoff' (has run and waits to run again), 'done', 'dead', or 'ended':
            it was completed or cancelled within the last minutes, and nothing of it is kept.
        position: In its mailbox, 0 is the first; None if it is not in it, or far behind.
        due_at_ms: It may not start before; None if it may.
        requeued: How often it got another life as a dead letter.
        cancelling: Why it is being cancelled, while it still runs.
        worker: The process that runs it, or ran it last.
        error: Of its last failed attempt, with `trace`; empty if there is none.
        message: What was sent; it holds the user's text. None when it cannot be decoded.
        events: What happened to it, oldest first, as far as it is known.
    """

    id: str
    now_ms: int
    state: str
    mailbox: str = ""
    queue: str = ""
    actor: str | None = None
    position: int | None = None
    published_at_ms: int | None = None
    due_at_ms: int | None = None
    expires_at_ms: int | None = None
    ended_at_ms: int | None = None
    attempts: int = 0
    retries: int = 0
    stalls: int = 0
    requeued: int = 0
    cancelling: str | None = None
    worker: str | None = None
    lease_left_ms: int | None = None
    error: str = ""
    trace: str = ""
    body_bytes: int = 0
    message: dramatiq.Message[Any] | None = None  # Any: what the actor would return
    events: tuple[Event, ...] = ()


def read_message(message_id: str, reply: Any) -> MessageDetail | None:  # Any: Redis' reply
    """Read the message script's reply; None if nothing is known of this id."""
    if not reply:
        return None
    now_ms, packed, body, error, trace, lease, position, expires, lines = reply
    attempts = [json.loads(line) for line in lines.splitlines()]
    if not packed:
        return MessageDetail(id=message_id, now_ms=now_ms, state="ended", events=tuple(map(_attempt, attempts)))
    record = json.loads(packed)
    state, due = record["state"], record.get("due")
    try:
        message = dramatiq.Message.decode(body)
    except DecodeError:
        message = None
    ended = record.get("ended")
    return MessageDetail(
        id=message_id,
        now_ms=now_ms,
        state=state,
        mailbox=record["box"],
        queue=record["queue"],
        actor=None if message is None else message.actor_name,
        position=None if position == b"" else int(position),
        published_at_ms=record["at"],
        due_at_ms=due if due and due > now_ms and state != "running" else None,
        expires_at_ms=None if expires == b"" else int(float(expires)),
        ended_at_ms=ended,
        attempts=record.get("attempts", 0),
        retries=record.get("retries", 0),
        stalls=record.get("stalls", 0),
        requeued=record.get("epoch", 0),
        cancelling=record.get("cancel"),
        worker=record.get("proc"),
        lease_left_ms=None if lease == b"" else int(float(lease)) - now_ms,
        error=error.decode("utf-8", "replace"),
        trace=trace.decode("utf-8", "replace"),
        body_bytes=record["bytes"],
        message=message,
        events=_events(record, attempts),
    )


def _events(record: dict[str, Any], attempts: list[dict[str, Any]]) -> tuple[Event, ...]:
    events = [Event(at_ms=record["at"], what="published"), *map(_attempt, attempts)]
    if record["state"] in {"done", "dead"}:
        what = "completed" if record["state"] == "done" else "became a dead letter"
        events.append(Event(at_ms=record["ended"], what=what))
    # the sort is stable: an attempt is written down a little after the end that it led to
    return tuple(sorted(events, key=lambda event: event.at_ms))


def _attempt(said: dict[str, Any]) -> Event:
    outcome = _ENDED.get(said["outcome"], said["outcome"])
    what = f"attempt {said['attempt']} {outcome}, after {said['run_ms']} ms in process {said['process']}"
    return Event(at_ms=said["at"], what=what, error=said["error"])

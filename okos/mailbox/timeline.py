"""What has become of one message: its record, and what is kept of its attempts, as a list of events.

The record says when it was published, when it was claimed last and by whom, and when it ended; an attempt that did not
end well is written down by the process that ran it, with its next heartbeat (lua/measure.lua). An attempt that ended
well leaves nothing but the message's end: so that a message that is answered at once costs nothing more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.mailbox.reading import kept, message_or_none

if TYPE_CHECKING:
    import dramatiq

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
        claimed_at_ms: When its last attempt was claimed.
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
    claimed_at_ms: int | None = None
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


def read_message(reply: Any) -> MessageDetail | None:  # Any: Redis' reply
    """Read the message script's reply; None if nothing is known of the id that was asked for."""
    if not reply:
        return None
    now_ms, packed, body, error, trace, lease, position, expires, lines, accepted = reply
    message_id = kept(accepted)
    attempts = [json.loads(line) for line in lines.splitlines()]
    if not packed:
        return MessageDetail(
            id=message_id,
            now_ms=now_ms,
            state="ended",
            events=tuple(event for one in attempts for event in _attempt(one)),
        )
    record = json.loads(packed)
    state, due = record["state"], record.get("due")
    message = message_or_none(body)
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
        claimed_at_ms=record.get("claimed"),
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
    """In the order in which they must have happened.

    Not by their instants alone: a worker takes that of an attempt's end a little after the end that it led to.
    """
    ended = record["ended"] if record["state"] in {"done", "dead"} else None
    events = [Event(at_ms=record["at"], what="published")]
    for one in sorted(attempts, key=lambda said: said["at"]):
        events += _attempt(one, no_later=ended)
    claimed, is_running = record.get("claimed"), record["state"] == "running"
    # the line of an attempt that has ended says when it began
    if claimed is not None and (is_running or claimed > max((one["at"] for one in attempts), default=0)):
        events.append(Event(at_ms=claimed, what=_claimed(max(1, record.get("attempts", 0)), record["proc"])))
    if ended is not None:
        what = "completed" if record["state"] == "done" else "became a dead letter"
        events.append(Event(at_ms=ended, what=what))
    return tuple(events)


def _attempt(said: dict[str, Any], *, no_later: int | None = None) -> tuple[Event, Event]:
    outcome = _ENDED.get(said["outcome"], said["outcome"])
    what = f"attempt {said['attempt']} {outcome}, after {said['run_ms']} ms in process {said['process']}"
    ended = said["at"] if no_later is None else min(said["at"], no_later)
    return (
        Event(at_ms=ended - said["run_ms"], what=_claimed(said["attempt"], said["process"])),
        Event(at_ms=ended, what=what, error=said["error"]),
    )


def _claimed(attempt: int, process: str) -> str:
    return f"attempt {attempt} claimed by process {process}"

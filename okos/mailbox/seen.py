"""What an operator sees beside stats, mailboxes and dead letters: values read from the store's replies."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from okos.mailbox.reading import actor_of, encodable, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from okos.mailbox.look import DeadLetter
    from okos.mailbox.stats import Stats, WorkerSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """How it stands.

    Attributes:
        oldest_wait_ms: How long the message has waited that has waited longest of those that may start now; None if
            there is none. Of each queue and band, the mailboxes that have been ready for longest are looked at.
        paused: All mailboxes are.
        paused_mailboxes: How many are paused by themselves.
        sweeper: The worker process that sweeps; None if none does.
    """

    stats: Stats
    workers: tuple[WorkerSeen, ...]
    oldest_wait_ms: int | None
    paused: bool
    paused_mailboxes: int
    sweeper: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSeen:
    """A message that runs. `lease_left_ms` is below 0 when its worker has not renewed it and nobody has swept yet."""

    id: str
    mailbox: str
    queue: str
    worker: str
    attempt: int
    lease_left_ms: int
    age_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedSeen:
    """A message outside its mailbox until an instant. `actor` is None when its body cannot be decoded."""

    id: str
    mailbox: str
    queue: str
    actor: str | None
    due_in_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSeen:
    """A mailbox and how much waits in it.

    Attributes:
        age_ms: Of its first message, since its publication.
        first_state: Of its first message: 'waiting', 'running' or 'backoff'.
        first_due_in_ms: Until its first message may start, for a backoff or a hold; else 0.
    """

    mailbox: str
    length: int
    place: str
    paused: bool
    due_in_ms: int | None
    age_ms: int
    first_state: str = "waiting"
    first_due_in_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Mailboxes with messages in them, the longest first.

    Attributes:
        mailboxes: How many were found.
        cut_off: There were more keys than were looked at: a longer one may be missing.
    """

    users: tuple[UserSeen, ...]
    mailboxes: int
    cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadGroup:
    """Dead letters of one actor with one error, but for the numbers and ids in it."""

    error: str
    actor: str | None
    count: int
    mailboxes: int
    first_ms: int
    last_ms: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one mailbox; what is None is as everybody's. `jobs_per_second` 0 is no limit."""

    max_jobs_per_user: int | None
    jobs_per_second: float | None
    burst: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSeen:
    """Limits in force, and what is paused. Of `overrides` and `paused`, at most as many as were asked for."""

    everybody: Limits
    all_per_second: float
    all_burst: int
    overrides: Mapping[str, Limits]
    paused: tuple[str, ...]
    all_paused: bool


class AuditLog(StrEnum):
    """The two logs of the audit: none pushes entries out of the other."""

    CHANGES = "changes"
    VISITS = "visits"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody did: who, what, to what, and what came of it. `at_ms` is by the server's clock."""

    at_ms: int
    who: str
    action: str
    target: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """The server, as it describes itself. `max_memory_bytes` 0 is no limit."""

    version: str
    used_memory_bytes: int
    max_memory_bytes: int
    cpu_ms: int
    uptime_s: int
    clients: int
    persistent: bool


def read_running(reply: Any) -> list[RunningSeen]:  # Any, here and below: Redis' reply
    """Read the running script's reply."""
    return [
        RunningSeen(
            id=shown(item[0]),
            mailbox=shown(item[1]),
            queue=shown(item[2]),
            worker=shown(item[3]),
            attempt=item[4],
            lease_left_ms=item[5],
            age_ms=item[6],
        )
        for item in reply
    ]


def read_delayed(reply: Any) -> list[DelayedSeen]:
    """Read the delayed script's reply."""
    return [
        DelayedSeen(
            id=shown(item[0]),
            mailbox=shown(item[1]),
            queue=shown(item[2]),
            actor=actor_of(item[3]),
            due_in_ms=max(0, item[4]),
        )
        for item in reply
    ]


def read_limits(reply: Any) -> LimitsSeen:
    """Read the limits script's reply."""
    jobs, rate, burst, all_rate, all_burst, own, paused, all_paused = reply
    overrides = {}
    for i in range(0, len(own), 2):
        said = json.loads(own[i + 1])
        overrides[shown(own[i])] = Limits(
            max_jobs_per_user=said.get("jobs"), jobs_per_second=said.get("rate"), burst=said.get("burst")
        )
    return LimitsSeen(
        everybody=Limits(max_jobs_per_user=jobs, jobs_per_second=float(rate), burst=burst),
        all_per_second=float(all_rate),
        all_burst=all_burst,
        overrides=dict(sorted(overrides.items())),
        paused=tuple(sorted(map(shown, paused))),
        all_paused=bool(all_paused),
    )


def read_server(facts: Mapping[str, object], *, cpu_ms: int) -> ServerSeen:
    """Read what INFO says."""

    def number(name: str) -> int:
        return int(cast("int", facts.get(name, 0)))

    return ServerSeen(
        version=str(facts.get("valkey_version") or facts.get("redis_version", "?")),
        used_memory_bytes=number("used_memory"),
        max_memory_bytes=number("maxmemory"),
        cpu_ms=cpu_ms,
        uptime_s=number("uptime_in_seconds"),
        clients=number("connected_clients"),
        persistent=bool(number("aof_enabled")),
    )


def read_audit(line: bytes) -> AuditEntry:
    """Read one line of the audit log."""
    said = json.loads(line)
    return AuditEntry(
        at_ms=said["at"],
        **{field: encodable(said[field]) for field in ("who", "action", "target", "outcome")},
    )


def group(letters: Iterable[DeadLetter]) -> list[DeadGroup]:
    """Put dead letters together that failed alike, the most frequent first."""
    groups: dict[tuple[str, str | None], list[DeadLetter]] = {}
    for letter in letters:
        actor = None if letter.message is None else letter.message.actor_name
        groups.setdefault((masked(letter.error), actor), []).append(letter)
    found = [_summed(error, actor, members) for (error, actor), members in groups.items()]
    return sorted(found, key=lambda one: (-one.count, -one.last_ms))


def masked(error: str) -> str:
    """Take out of an error what differs from one message to the next: numbers, ids, addresses."""
    line = " ".join(error.partition("\n")[0][:300].split())
    return re.sub(r"\b(?=\w*\d)[0-9a-fA-F-]{8,}\b|\d+(?:\.\d+)?", "…", line)


def _summed(error: str, actor: str | None, letters: Sequence[DeadLetter]) -> DeadGroup:
    ended = [letter.ended_at_ms for letter in letters]
    newest = max(letters, key=lambda letter: letter.ended_at_ms)
    return DeadGroup(
        error=error,
        actor=actor,
        count=len(letters),
        mailboxes=len({letter.mailbox for letter in letters}),
        first_ms=min(ended),
        last_ms=max(ended),
        example=newest.id,
    )

"""What excuses the loss of an attempt: its process was killed, was away, or left, before the end could be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.verdict import MS

if TYPE_CHECKING:
    from chaos.case import Case
    from chaos.run import Run

#: A worker that stops writes its last acks for so long; an interrupt may meet a handler that has just ended.
LEAVE_MS, LEAVE_SLACK_MS = 15_000, 500
NEVER_NS = 1 << 62


def may_have_lost(case: Case, run: Run) -> bool:
    """Whether the run's process may have lost its token, or ended before the run's end was written."""
    # what nobody noted the end of was broken off, whenever that was
    seen, written_ns = case.seen, case.written_by_ns(run) if run.what else NEVER_NS
    if seen.killed.get(run.pid, written_ns + 1) <= written_ns or is_leaving(case, run):
        return True
    if case.was_away(run.pid, run.start_ns - seen.lease_ms * MS, written_ns):
        return True
    # its neighbour ended the whole process
    return any(case.is_deadly(other) and other.pid == run.pid and other.start_ns <= written_ns for other in case.runs)


def is_leaving(case: Case, run: Run) -> bool:
    """Whether the run's process may have ended before it could write the ack.

    An orphan ends itself after a few seconds, and what ended while the server was away may have to be written by then.
    One that was asked to stop interrupts what runs when its grace is over, and does not wait for a server that is away;
    one that was asked twice has no grace.
    """
    seen, ended_ns = case.seen, run.end_ns or run.start_ns
    if run.pid in seen.orphans:
        orphaned_ns = seen.orphans[run.pid]
        away = [
            o.from_ns for o in seen.outages if o.from_ns < orphaned_ns and (not o.until_ns or o.until_ns > orphaned_ns)
        ]
        return ended_ns >= min(away, default=orphaned_ns)
    asked_ns = seen.asked.get(run.pid)
    if asked_ns is None:
        return False
    over_ns = min(asked_ns + seen.grace_ms * MS, seen.asked_again.get(run.pid, asked_ns + seen.grace_ms * MS))
    if ended_ns >= over_ns - LEAVE_SLACK_MS * MS:
        return True
    gone_ns = asked_ns + (seen.grace_ms + LEAVE_MS) * MS
    return any(o.from_ns < gone_ns and (not o.until_ns or o.until_ns > asked_ns) for o in seen.outages)

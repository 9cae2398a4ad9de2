"""The conduct: every run started in its turn, when it was due, alone, in a worker that could know that it may."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from chaos.case import covers
from chaos.note import DONE
from chaos.verdict import MS

if TYPE_CHECKING:
    from chaos.case import Case
    from chaos.run import Run

#: From the look at the lease to the line that says that a handler started.
FENCE_SLACK_MS = 500
#: A worker that stops writes its last acks for so long; an interrupt may meet a handler that has just ended.
LEAVE_MS, LEAVE_SLACK_MS = 15_000, 500
#: The server's clock and ours are read at different moments.
EARLY_SLACK_MS = 50


def judge_runs(case: Case) -> None:
    """Look at every run."""
    _order(case)
    _dues(case)
    _overlaps(case)
    _fences(case)
    _waste(case)


def _order(case: Case) -> None:
    """Within a user, messages start in the order in which they were accepted, and again only after a retry."""
    result = case.result
    for runs in case.by_user.values():
        latest: Run | None = None
        for run in filter(partial(_has_its_turn, case), runs):
            if latest is None or run.seq >= latest.seq:
                latest = run
            elif not case.is_zombie(run, run.start_ns):
                result.reordered += 1
                case.fault("reordered", f"{run.id} started after {latest.id} had started", run=run)
    for token, times in Counter(run.token for run in case.runs).items():
        if times > 1:
            run = next(run for run in case.runs if run.token == token)
            case.fault("doubled", f"{run.id} started {times} times by one token", run=run)


def _has_its_turn(case: Case, run: Run) -> bool:
    """Whether the run's place among its user's is that of its seq: a requeued message has another."""
    letter = case.seen.accepted.get(run.id)
    again_ns = case.seen.requeued_at_ns.get(run.id)
    return (
        case.seen.jobs == 1
        and letter is not None
        and letter.is_strict
        and (again_ns is None or run.start_ns <= again_ns)
    )


def _dues(case: Case) -> None:
    """Nothing that was delayed starts early."""
    seen = case.seen
    for run in case.runs:
        letter = seen.accepted.get(run.id)
        if letter is not None and letter.delay_ms:
            early_ms = letter.delay_ms - (run.start_ns - seen.sent_at_ns[run.id]) / MS
            if early_ms > EARLY_SLACK_MS:
                case.fault("early", f"{run.id} started {early_ms:.0f} ms before it was due", run=run)


def _overlaps(case: Case) -> None:
    """No more runs of a user are open at once than may be, and never two of one message."""
    for runs in case.by_user.values():
        open_runs: list[Run] = []
        for run in runs:
            open_runs = [one for one in open_runs if one.end_ns is not None and one.end_ns > run.start_ns]
            beside = [one for one in open_runs if not case.is_zombie(one, run.start_ns)]
            is_too_much = len(beside) >= case.seen.jobs or any(one.id == run.id for one in beside)
            if is_too_much and not case.is_zombie(run, run.start_ns):
                case.result.overlapped += 1
                names = ", ".join(one.id for one in beside)
                case.fault("overlapped", f"{run.id} started while {names} ran", run=run)
            open_runs.append(run)


def _fences(case: Case) -> None:
    """A worker that cannot reach the server starts nothing once its leases have run out."""
    for span in case.seen.cut:
        last_ns = span.from_ns + (case.seen.lease_ms + FENCE_SLACK_MS) * MS
        for run in case.runs:
            is_inside = last_ns < run.start_ns and (not span.until_ns or run.start_ns < span.until_ns)
            if run.pid == span.pid and is_inside and not covers(case.seen.frozen, run.pid, 0, run.start_ns):
                case.fault("unfenced", f"{run.id} started when its lease had run out", run=run)


def _waste(case: Case) -> None:
    """What ended well and did not count had lost its lease, and only a frozen or killed process may lose one."""
    seen = case.seen
    for run in case.runs:
        if run.what != DONE or run.token in case.committed or case.was_cancelled(run):
            continue
        if run.pid in seen.killed or _is_leaving(case, run) or case.was_away(run.pid, run.start_ns, None):
            continue
        if any(other.pid == run.pid and case.is_deadly(other) for other in case.runs):
            continue  # its neighbour ended the whole process before this one's ack was written
        case.result.wasted += 1
        case.fault("wasted", f"{run.id} ended well in a healthy process, and its ack was refused", run=run)


def _is_leaving(case: Case, run: Run) -> bool:
    """Whether the run's process may have ended before it could write the ack.

    An orphan ends itself after a few seconds; one that was asked to stop interrupts what runs when its grace is
    over, and does not wait for a server that is away.
    """
    seen, ended_ns = case.seen, run.end_ns or run.start_ns
    if run.pid in seen.orphans:
        return ended_ns >= seen.orphans[run.pid]
    asked_ns = seen.asked.get(run.pid)
    if asked_ns is None:
        return False
    if ended_ns >= asked_ns + (seen.grace_ms - LEAVE_SLACK_MS) * MS:
        return True
    gone_ns = asked_ns + (seen.grace_ms + LEAVE_MS) * MS
    return any(o.from_ns < gone_ns and (not o.until_ns or o.until_ns > asked_ns) for o in seen.outages)

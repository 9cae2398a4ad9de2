"""The conduct: every run started in its turn, when it was due, alone, in a worker that could know that it may."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from chaos.case import ACK_MS, FENCE_SLACK_MS, covers
from chaos.excuse import may_have_lost
from chaos.letter import DOOMED, HUNG, SHAKY, WELL
from chaos.note import DONE, FAILED, STOPPED
from chaos.verdict import MS

if TYPE_CHECKING:
    from chaos.case import Case
    from chaos.run import Run

#: What was claimed and cannot start soon is given back, and claimed again: a healthy worker holds it no longer.
HELD_MS = 1_000
#: The server's clock and ours are read at different moments.
EARLY_SLACK_MS = 50


def judge_runs(case: Case) -> None:
    """Look at every run."""
    _order(case)
    _order_of_claims(case)
    _dues(case)
    _overlaps(case)
    _fences(case)
    _waste(case)
    _ends(case)


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


def _order_of_claims(case: Case) -> None:
    """With several at once, too, messages are claimed for the first time in their order.

    Their notes may swap, the numbers of their tokens do not. What was claimed and given back unstarted has the number
    of its second claim: while it was held, others went by. Nobody holds it for long, but whoever is away or leaves.
    """
    seen = case.seen
    for runs in case.by_user.values() if seen.jobs > 1 else ():
        firsts: dict[str, Run] = {}
        for run in runs:
            letter = seen.accepted.get(run.id)
            if run.number and letter is not None and letter.is_strict and run.id not in seen.requeued_at_ns:
                firsts[run.id] = min(run, firsts.get(run.id, run), key=lambda one: one.number)
        for run in firsts.values():
            before = [one for one in firsts.values() if one.seq > run.seq and one.number < run.number]
            if run.attempt > 1 or not before:
                continue
            from_ns, until_ns = min(one.start_ns for one in before), max(one.start_ns for one in before)
            if until_ns - from_ns >= HELD_MS * MS and not _was_held(case, from_ns, until_ns):
                case.result.reordered += 1
                text = f"{run.id} was claimed after {', '.join(one.id for one in before)}"
                case.fault("reordered", text, run=run)


def _was_held(case: Case, from_ns: int, until_ns: int) -> bool:
    """Whether somebody may have held a message unstarted all that time: frozen, cut off, leaving, without a server."""
    seen, slack_ns = case.seen, (case.seen.lease_ms + ACK_MS) * MS
    spans = [(span.from_ns, span.until_ns) for span in (*seen.frozen, *seen.cut)]
    spans += [(outage.from_ns, outage.until_ns) for outage in seen.outages]
    spans += [(asked_ns, asked_ns + seen.grace_ms * MS) for asked_ns in seen.asked.values()]
    return any(one_ns <= until_ns and (not end_ns or end_ns + slack_ns >= from_ns) for one_ns, end_ns in spans)


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
    for run in case.runs:
        if run.what != DONE or run.token in case.committed or case.was_cancelled(run) or may_have_lost(case, run):
            continue
        case.result.wasted += 1
        case.fault("wasted", f"{run.id} ended well in a healthy process, and its ack was refused", run=run)


def _ends(case: Case) -> None:
    """A handler fails only if it is meant to, and is interrupted only if somebody or its limit wanted it."""
    for run in case.runs:
        letter = case.seen.accepted.get(run.id)
        how = WELL if letter is None else letter.how
        if run.what == FAILED and how != DOOMED and not (how == SHAKY and run.attempt == 1):
            case.fault("failed", f"{run.id} failed, and was not meant to", run=run)
        if run.what == STOPPED and how != HUNG and not case.was_cancelled(run) and not may_have_lost(case, run):
            case.fault("interrupted", f"{run.id} was interrupted in a healthy process", run=run)

"""The service: what operators asked for is done, and what a kill broke off runs again in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.case import FENCE_SLACK_MS
from chaos.verdict import MS

if TYPE_CHECKING:
    from chaos.case import Case
    from chaos.evidence import Cancel, Clear
    from chaos.run import Run

#: What was claimed before a pause may still start, once its thread gets its turn on a busy machine.
PAUSE_SLACK_MS = 2_000
#: The same slack for recovery: the bound is lease + sweep, and then a thread has to be free.
RECOVERY_SLACK_MS = 2_000


def judge_service(case: Case) -> None:
    """Look at every operation and every kill."""
    _cancels(case)
    _pauses(case)
    _recovery(case)


def _cancels(case: Case) -> None:
    """What was cancelled never starts again."""
    for cancel in case.seen.cancels:
        if cancel.outcome in ("cancelled", "flagged"):
            for run in case.by_id[cancel.id]:
                if run.start_ns > cancel.answered_ns and _is_too_late(case, cancel, run):
                    case.fault("cancelled", f"{run.id} started after it was cancelled", run=run)
    for clear in case.seen.clears:
        if clear.is_answered:
            for run in case.by_user[clear.user]:
                if _was_in_it(case, clear, run) and _is_after_fence(case, clear.answered_ns, run):
                    case.fault("cancelled", f"{run.id} started after its mailbox was cancelled", run=run)


def _pauses(case: Case) -> None:
    """What is paused does not start."""
    for pause in case.seen.pauses:
        for run in case.by_user[pause.user] if pause.user else case.runs:
            if pause.from_ns + PAUSE_SLACK_MS * MS < run.start_ns < pause.until_ns and not case.was_away(
                run.pid, pause.from_ns, run.start_ns
            ):
                case.fault("paused", f"{run.id} started while {pause.user or 'everything'} was paused", run=run)


def _is_too_late(case: Case, cancel: Cancel, run: Run) -> bool:
    """Whether a run that started after its message's cancel must not have.

    One that was flagged had been claimed, and may start a moment later if its worker has not heard of it. Another run
    beside it, or after it, never may.
    """
    if case.is_zombie(run, run.start_ns):
        return False
    if cancel.outcome == "cancelled" or _is_after_fence(case, cancel.answered_ns, run):
        return True
    return any(
        one.start_ns < run.start_ns
        and (one.end_ns or 0) > cancel.answered_ns
        and not case.is_zombie(one, cancel.answered_ns)
        for one in case.by_id[run.id]
    )


def _is_after_fence(case: Case, at_ns: int, run: Run) -> bool:
    """Whether a run started when whatever was claimed before that instant had lost its lease."""
    last_ns = at_ns + (case.seen.lease_ms + FENCE_SLACK_MS) * MS
    return run.start_ns > last_ns and not case.is_zombie(run, run.start_ns)


def _was_in_it(case: Case, clear: Clear, run: Run) -> bool:
    """Whether a run's message was in a mailbox when that was cancelled: a dead letter was not, nor what is delayed."""
    letter, seen = case.seen.accepted.get(run.id), case.seen
    return (
        letter is not None
        and not letter.delay_ms
        and run.id not in seen.requeued_at_ns
        and seen.accepted_at_ns[run.id] < clear.asked_ns
    )


def _recovery(case: Case) -> None:
    """After a kill, the first of the messages that ran there runs again within lease and sweep."""
    seen, result = case.seen, case.result
    for pid, killed_ns in seen.killed.items():
        broken = [run for run in case.runs if run.pid == pid and run.end_ns == killed_ns]
        again = [later.start_ns for run in broken for later in case.by_id[run.id] if later.start_ns > killed_ns]
        if not again or all(run.attempt > seen.max_stalls for run in broken):
            continue  # a suspect waits for a process that holds none
        first_ns = min(again)
        took_ms = round((first_ns - killed_ns) / MS)
        due_ns = _due_ns(case, killed_ns, first_ns, {run.user for run in broken})
        result.recoveries += 1
        if due_ns == killed_ns:
            result.reruns_ms.append(took_ms)
        late_ms = (first_ns - due_ns) / MS - result.bound_ms - RECOVERY_SLACK_MS
        if late_ms > 0:
            text = f"the first re-run came {took_ms} ms after a kill, {late_ms:.0f} ms later than lease and sweep"
            case.fault("late", text, run=broken[0], at_ns=killed_ns)


def _due_ns(case: Case, killed_ns: int, first_ns: int, users: set[str]) -> int:
    """Say from when on lease and sweep count for what a kill broke off: the kill, or what came soon after it.

    Whoever sweeps may be killed next, or whoever has claimed the message; then another takes that over within a lease.
    What is killed still later is no excuse: it should have run by then. While the server is away (and for its grace),
    or its user is paused, the time stands still.
    """
    seen = case.seen
    bound_ns = (case.result.bound_ms + RECOVERY_SLACK_MS) * MS
    last_ns = min(first_ns, killed_ns + bound_ns)
    deadly = [run.start_ns for run in case.runs if case.is_deadly(run)]
    ends = [(at_ns, at_ns) for at_ns in (*seen.killed.values(), *seen.orphans.values(), *deadly)]
    ends += [(at_ns, at_ns + seen.grace_ms * MS) for at_ns in seen.asked.values()]
    ends += [(span.from_ns, span.until_ns or first_ns) for span in (*seen.frozen, *seen.cut)]
    found = [until_ns for from_ns, until_ns in ends if from_ns <= last_ns and killed_ns < until_ns]
    due_ns = max([killed_ns, *found])
    stops = [(o.from_ns, (o.until_ns or first_ns) + 2 * seen.lease_ms * MS) for o in seen.outages]
    stops += [(one.from_ns, one.until_ns) for one in seen.pauses if not one.user or one.user in users]
    for from_ns, until_ns in sorted(stops):
        if from_ns <= min(first_ns, due_ns + bound_ns) and until_ns > killed_ns:
            due_ns = max(due_ns, until_ns)
    return due_ns

"""The service: what operators asked for is done, and what a kill broke off runs again in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.verdict import MS

if TYPE_CHECKING:
    from chaos.case import Case

#: What was claimed before a pause may still start, once its thread gets its turn on a busy machine.
PAUSE_SLACK_MS = 2_000
#: The same slack for recovery: the bound is lease + sweep, and then a thread has to be free.
RECOVERY_SLACK_MS = 2_000


def judge_service(case: Case) -> None:
    """Look at every operation and every kill."""
    _operations(case)
    _recovery(case)


def _operations(case: Case) -> None:
    """What was cancelled while it waited never starts; what is paused does not start."""
    for cancel in case.seen.cancels:
        if cancel.outcome != "cancelled":
            continue
        for run in case.by_id[cancel.id]:
            if run.start_ns > cancel.answered_ns and not case.is_zombie(run, run.start_ns):
                case.fault("cancelled", f"{run.id} started after it was cancelled", run=run)
    for pause in case.seen.pauses:
        for run in case.by_user[pause.user] if pause.user else case.runs:
            if pause.from_ns + PAUSE_SLACK_MS * MS < run.start_ns < pause.until_ns and not case.was_away(
                run.pid, pause.from_ns, run.start_ns
            ):
                case.fault("paused", f"{run.id} started while {pause.user or 'everything'} was paused", run=run)


def _recovery(case: Case) -> None:
    """After a kill, the first of the messages that ran there runs again within lease and sweep."""
    seen, result = case.seen, case.result
    for pid, killed_ns in seen.killed.items():
        broken = [run for run in case.runs if run.pid == pid and run.end_ns == killed_ns]
        again = [later.start_ns for run in broken for later in case.by_id[run.id] if later.start_ns > killed_ns]
        if not again or _is_disturbed(case, killed_ns, min(again), {run.user for run in broken}):
            continue
        took_ms = round((min(again) - killed_ns) / MS)
        result.reruns_ms.append(took_ms)
        if took_ms > result.bound_ms + RECOVERY_SLACK_MS:
            text = f"the first re-run came {took_ms} ms after a kill; lease and sweep are {result.bound_ms} ms"
            case.fault("late", text, run=broken[0], at_ns=killed_ns)


def _is_disturbed(case: Case, from_ns: int, until_ns: int, users: set[str]) -> bool:
    """Whether an outage (and the grace after it), a pause, or the end of another worker explains a slow recovery.

    Whoever sweeps may be the one that ended, and then another takes that over within a lease.
    """
    grace_ns = 2 * case.seen.lease_ms * MS
    deadly = [run.start_ns for run in case.runs if case.is_deadly(run)]
    ends = [*case.seen.killed.values(), *case.seen.orphans.values(), *deadly]
    ends += [span.from_ns for span in (*case.seen.frozen, *case.seen.cut)]
    if any(from_ns < at_ns < until_ns for at_ns in ends):
        return True
    return any(
        outage.from_ns < until_ns and (not outage.until_ns or outage.until_ns + grace_ns > from_ns)
        for outage in case.seen.outages
    ) or any(
        pause.from_ns < until_ns and pause.until_ns > from_ns and (not pause.user or pause.user in users)
        for pause in case.seen.pauses
    )

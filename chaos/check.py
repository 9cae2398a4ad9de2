"""What a scenario is to show besides the common verdict: each check looks for one kind of fault in the evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chaos.judge import judge
from chaos.note import START
from chaos.run import runs_of
from chaos.verdict import MS, Fault

if TYPE_CHECKING:
    from chaos.evidence import Evidence

Check = Callable[["Evidence"], list[Fault]]

#: After an outage whatever is due starts within this.
RESUME_MS = 2_000
#: A handler that takes so many leases and renews them is not taken for dead.
LEASES = 10


def recovered(evidence: Evidence) -> list[Fault]:
    """What kills broke off was seen to run again, with nothing else to disturb it."""
    if not judge(evidence).reruns_ms:
        return [Fault(kind="vacuous", text="of no kill could be said how soon what it broke off ran again")]
    return []


def without_restart(evidence: Evidence) -> list[Fault]:
    """No worker had to be started again."""
    if evidence.restarts:
        return [Fault(kind="restarted", text=f"{evidence.restarts} workers ended during the outage")]
    return []


def resumed(within_ms: int) -> Check:
    """The next start after an outage comes within so long."""

    def check(evidence: Evidence) -> list[Fault]:
        starts = [note.at_ns for note in evidence.notes if note.what == START]
        faults = []
        for outage in evidence.outages:
            next_ns = min((at_ns for at_ns in starts if at_ns > outage.until_ns), default=None)
            if next_ns is not None and next_ns - outage.until_ns > within_ms * MS:
                text = f"nothing started for {(next_ns - outage.until_ns) // MS} ms after the server was back"
                faults.append(Fault(kind="late", text=text, at_ns=next_ns))
        return faults

    return check


def punctual(evidence: Evidence) -> list[Fault]:
    """What was delayed starts when it is due, or when the server is back."""
    faults = []
    for run in runs_of(evidence):
        letter = evidence.accepted.get(run.id)
        if letter is None or not letter.delay_ms or run.attempt > 1 or letter.seq > 0:
            continue
        due_ns = evidence.accepted_at_ns[run.id] + letter.delay_ms * MS
        for outage in evidence.outages:
            if outage.from_ns - RESUME_MS * MS < due_ns < outage.until_ns:
                due_ns = outage.until_ns
        late_ms = (run.start_ns - due_ns) // MS
        if late_ms > RESUME_MS:
            faults.append(Fault(kind="late", text=f"{run.id} started {late_ms} ms late", user=run.user, at_ns=due_ns))
    return faults


def refused(evidence: Evidence) -> list[Fault]:
    """A full server says so to whoever publishes."""
    if not evidence.refusals.get("the server is full"):
        return [Fault(kind="silent", text="the server was full and no publish was refused")]
    return []


def unstalled(evidence: Evidence) -> list[Fault]:
    """No lease ran out, though handlers took many leases."""
    longest_ms = max((((run.end_ns or run.start_ns) - run.start_ns) / MS for run in runs_of(evidence)), default=0.0)
    faults = []
    if longest_ms < LEASES * evidence.lease_ms:
        faults.append(Fault(kind="vacuous", text=f"the longest run took {longest_ms:.0f} ms only"))
    if evidence.totals.stalled:
        faults.append(Fault(kind="stalled", text=f"{evidence.totals.stalled} leases ran out"))
    return faults

"""A verdict in words: the table, and for each fault what happened around it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chaos.trouble import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.evidence import Evidence
    from chaos.note import Note
    from chaos.verdict import Fault, Verdict

#: Faults told in full; the rest are only counted.
TOLD = 5
#: What went wrong so long before a fault may be its cause.
CAUSE_S = 20.0

ROWS = (
    ("accepted", "messages that the server took"),
    ("done", "ended well; their effects were committed"),
    ("dead", "given up as dead letters"),
    ("stalled_dead", "of these, given up because workers died running them"),
    ("cancelled", "ended as cancelled"),
    ("runs", "times that a handler started"),
    ("stalled", "runs whose lease ran out"),
    ("restarts", "workers that ended and were started again"),
    ("excused", "runs of workers that were away, beside others; their acks were refused"),
    ("lost", "messages that came to nothing"),
    ("doubled", "effects seen twice"),
    ("reordered", "messages of a user out of order"),
    ("overlapped", "runs of a user at the same time"),
    ("wasted", "acks of healthy workers refused"),
    ("keys_left", "keys that nobody will ever delete"),
)


def as_table(verdict: Verdict) -> str:
    """Return the figures, one a line."""
    values = asdict(verdict)
    lines = [f"  {name.replace('_', ' '):<14}{values[name]:>8}   {meaning}" for name, meaning in ROWS]
    reruns = sorted(verdict.reruns_ms)
    if reruns:
        shown = f"{reruns[0]} to {reruns[-1]} ms after {len(reruns)} of {verdict.recoveries} kills that were judged"
        lines.append(f"  first re-run  {shown}; lease and sweep are {verdict.bound_ms} ms")
    return "\n".join(lines)


def as_json(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:  # Any: JSON
    """Return all of it for a program to read."""
    return {
        "seed": evidence.seed,
        "good": verdict.is_good,
        **asdict(verdict),
        "refusals": evidence.refusals,
        "outages": [
            {"kind": outage.kind, "ms": (outage.until_ns - outage.from_ns) // 1_000_000} for outage in evidence.outages
        ],
        "troubles": {
            name: sum(trouble.kind == name for _, trouble, _ in evidence.troubles)
            for name in KINDS
            if any(trouble.kind == name for _, trouble, _ in evidence.troubles)
        },
    }


def as_story(evidence: Evidence, faults: Sequence[Fault]) -> str:
    """Tell the first faults with what happened around each."""
    lines = []
    for fault in faults[:TOLD]:
        lines += ["", f"FAULT {fault.kind}: {fault.text}"]
        found = _notes_around(evidence, fault)
        events = [
            (note.at_ns, f"{note.user} {note.seq} {note.what} (attempt {note.attempt}, {note.token}) in {note.pid}")
            for note in found
        ]
        at_ns = fault.at_ns or (found[-1].at_ns if found else 0)
        earliest = at_ns - int(CAUSE_S * 1e9)
        events += [
            (when, f"** {trouble.kind} {f'for {trouble.lasts_ms} ms ' if trouble.lasts_ms else ''}{whom}")
            for when, trouble, whom in evidence.troubles
            if (not at_ns or earliest <= when <= at_ns + int(3e9)) and trouble.kind != "cancel"
        ]
        events += [
            (cancel.answered_ns, f"** cancel {cancel.id}: {cancel.outcome}")
            for cancel in evidence.cancels
            if cancel.id.rpartition("-")[0] == fault.user
        ]
        lines += [f"  {(when - evidence.started_ns) / 1e9:9.3f} s  {text}" for when, text in sorted(events)]
    if len(faults) > TOLD:
        lines += ["", f"and {len(faults) - TOLD} more faults"]
        lines += [f"  {fault.kind}: {fault.text}" for fault in faults[TOLD : TOLD + 20]]
    return "\n".join(lines)


def _notes_around(evidence: Evidence, fault: Fault, *, before_s: float = 6.0, after_s: float = 3.0) -> list[Note]:
    """Return what the handlers of a fault's user noted around it; all of that user's last ones if it has no instant."""
    notes = [note for note in evidence.notes if note.user == fault.user]
    if not fault.at_ns:
        return notes[-20:]
    first, last = fault.at_ns - int(before_s * 1e9), fault.at_ns + int(after_s * 1e9)
    return [note for note in notes if first <= note.at_ns <= last]

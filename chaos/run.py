"""The runs of the handlers, put together from their notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.note import START

if TYPE_CHECKING:
    from chaos.evidence import Evidence


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a handler; `end_ns` is None when nothing tells when it ended."""

    id: str
    user: str
    seq: int
    attempt: int
    token: str
    pid: int
    start_ns: int
    end_ns: int | None = None
    what: str = ""


def runs_of(evidence: Evidence) -> list[Run]:
    """Put the notes together to runs, by their start."""
    runs: list[Run] = []
    open_runs: dict[str, Run] = {}
    for note in evidence.notes:
        if note.what == START:
            run = Run(
                id=f"{note.user}-{note.seq}",
                user=note.user,
                seq=note.seq,
                attempt=note.attempt,
                token=note.token,
                pid=note.pid,
                start_ns=note.at_ns,
            )
            runs.append(run)
            open_runs[note.token] = run
        elif note.token in open_runs:
            run = open_runs.pop(note.token)
            run.end_ns, run.what = note.at_ns, note.what
    for run in open_runs.values():
        killed_ns = evidence.killed.get(run.pid)
        if killed_ns is not None and killed_ns > run.start_ns:
            run.end_ns = killed_ns
    return runs

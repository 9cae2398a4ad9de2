"""The runs of the handlers, put together from their notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.letter import HUNG, HUNG_LIMIT_MS
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

    @property
    def number(self) -> int:
        """The number of its token: they are given out one after the other. 0 if it has none."""
        number = self.token.partition("-")[0]
        return int(number) if number.isdigit() else 0


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
        letter = evidence.accepted.get(run.id)
        if letter is not None and letter.how == HUNG and run.attempt == 1:
            # given up at some moment after its limit, and it does nothing any more
            given_up_ns = run.start_ns + HUNG_LIMIT_MS * 1_000_000
            run.end_ns = given_up_ns if run.end_ns is None else min(run.end_ns, given_up_ns)
    return runs

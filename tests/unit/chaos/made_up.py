"""Evidence that tests make up, for the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.evidence import Commit, Evidence, Totals
from chaos.judge import judge
from chaos.letter import WELL, Letter
from chaos.note import DONE, START, Note
from chaos.outbox import Reply

if TYPE_CHECKING:
    from chaos.verdict import Verdict

S = 1_000_000_000
LEASE_MS = 3_000


class Story:
    """Evidence that a test makes up. Times are seconds."""

    def __init__(self) -> None:
        self.evidence = Evidence(seed=1, lease_ms=LEASE_MS, sweep_ms=400, grace_ms=2_000)

    def accept(self, user: str, seq: int, *, how: str = WELL, delay_ms: int = 0) -> None:
        letter = Letter(user=user, seq=seq, actor="work", how=how, ms=0, delay_ms=delay_ms)
        self.evidence.accepted[letter.id] = letter
        self.evidence.sent_at_ns[letter.id] = self.evidence.accepted_at_ns[letter.id] = 0

    def start(self, user: str, seq: int, token: str, at: float, *, pid: int = 1, attempt: int = 1) -> None:
        self.evidence.notes.append(Note(int(at * S), pid, user, seq, attempt, token, START))

    def end(self, user: str, seq: int, token: str, at: float, *, pid: int = 1, what: str = DONE) -> None:
        self.evidence.notes.append(Note(int(at * S), pid, user, seq, 1, token, what))

    def commit(self, user: str, seq: int, token: str) -> None:
        self.evidence.commits.append(Commit(user, seq, token))
        self.evidence.replies.append(Reply(0, user, seq, token))

    def run(
        self, user: str, seq: int, at: float, *, until: float | None = None, pid: int = 1, number: int | None = None
    ) -> None:
        """Accept a message, run it once and commit it."""
        token = f"{user}-{seq}-token" if number is None else f"{number}-x"
        self.accept(user, seq)
        self.start(user, seq, token, at, pid=pid)
        self.end(user, seq, token, at + 0.1 if until is None else until, pid=pid)
        self.commit(user, seq, token)

    def verdict(self, *, counted: Totals | None = None) -> Verdict:
        self.evidence.notes.sort(key=lambda note: note.at_ns)
        tokens = {commit.token for commit in self.evidence.commits}
        self.evidence.totals = counted or Totals(
            accepted=len(self.evidence.accepted) + len(tokens),
            done=len(self.evidence.commits) + len(self.evidence.replies),
            died=len(self.evidence.dead),
            cancelled=len({cancel.id for cancel in self.evidence.cancels}),
        )
        return judge(self.evidence)


def kinds(verdict: Verdict) -> list[str]:
    return [fault.kind for fault in verdict.faults]

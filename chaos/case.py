"""One case: the evidence, put in order, and what is excused in it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chaos.evidence import UNKNOWN
from chaos.letter import DEADLY
from chaos.run import Run, runs_of
from chaos.verdict import MS, Fault, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.crew import Span
    from chaos.evidence import Evidence

#: A frozen process that goes on needs a moment to learn what it has lost.
WAKE_MS = 2_000
#: From the look at the lease to the line that says that a handler started.
FENCE_SLACK_MS = 500
#: From the end of a handler to its ack in the server, when that can be reached.
ACK_MS = 1_000


class Case:
    """What was seen, by user and by message, and the verdict in the making.

    Attributes:
        committed: The tokens whose ack counted.
        done: Messages that have one.
        cancelled: Messages of which the engine said so.
        unknown: Messages whose cancel nobody answered: either may be.
        perhaps: The same, and what may have been in a mailbox that was cancelled whole.
        zombies: Tokens of runs that are excused.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.seen = evidence
        self.runs = runs_of(evidence)
        self.result = Verdict(bound_ms=evidence.lease_ms + evidence.sweep_ms)
        self.by_user: dict[str, list[Run]] = defaultdict(list)
        self.by_id: dict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            self.by_user[run.user].append(run)
            self.by_id[run.id].append(run)
        self.committed = {commit.token for commit in evidence.commits}
        self.done = {f"{commit.user}-{commit.seq}" for commit in evidence.commits}
        self.cancelled = {one.id for one in evidence.cancels if one.outcome in ("cancelled", "flagged")}
        self.zombies: set[str] = set()
        self.unknown = {one.id for one in evidence.cancels if one.outcome == UNKNOWN}
        self.perhaps = self.unknown | self._cleared()

    def _cleared(self) -> set[str]:
        """Name what may have been cancelled with its whole mailbox: what was sent before and may not have ended yet."""
        seen = self.seen
        return {
            letter.id
            for clear in seen.clears
            for letter in seen.accepted.values()
            if letter.user == clear.user and seen.sent_at_ns[letter.id] < clear.answered_ns
        }

    def fault(self, kind: str, text: str, *, run: Run | None = None, user: str = "", at_ns: int = 0) -> None:
        """Note a fault: of a run, or of a user at an instant."""
        if run is not None:
            user, at_ns = run.user, at_ns or run.start_ns
        self.result.faults.append(Fault(kind=kind, text=text, user=user, at_ns=at_ns))

    def is_deadly(self, run: Run) -> bool:
        """Whether this run takes its OS process down."""
        letter = self.seen.accepted.get(run.id)
        return letter is not None and letter.how == DEADLY and run.attempt == 1

    def was_cancelled(self, run: Run) -> bool:
        """Whether its message was cancelled, or may have been, before its ack was written."""
        written_ns = self.written_by_ns(run)
        # it may have been claimed before, and not begun
        claimed_ns = run.start_ns - (self.seen.lease_ms + FENCE_SLACK_MS) * MS
        return run.id in self.cancelled | self.unknown or any(
            clear.user == run.user and clear.asked_ns <= written_ns and clear.answered_ns >= claimed_ns
            for clear in self.seen.clears
        )

    def written_by_ns(self, run: Run) -> int:
        """Say when its end was written at the latest, if its process lived and reached the server."""
        ended_ns, slack_ns = run.end_ns or run.start_ns, ACK_MS * MS
        # what ends while the server is away is written when it is back, and the pause before the next try is over
        back_ns = [
            outage.until_ns + slack_ns
            for outage in self.seen.outages
            if outage.from_ns <= ended_ns + slack_ns and outage.until_ns >= ended_ns
        ]
        return max([ended_ns, *back_ns]) + slack_ns

    def is_zombie(self, run: Run, at_ns: int) -> bool:
        """Whether this run may have lost its lease by then: it did not count, and its process was away before."""
        if run.token in self.committed:
            return False
        if not self.was_away(run.pid, at_ns - (2 * self.seen.lease_ms + WAKE_MS) * MS, at_ns):
            return False
        self.zombies.add(run.token)
        return True

    def was_away(self, pid: int, from_ns: int, until_ns: int | None) -> bool:
        """Whether a process was frozen or cut off at some time."""
        return covers(self.seen.frozen, pid, from_ns, until_ns) or covers(self.seen.cut, pid, from_ns, until_ns)


def covers(spans: Sequence[Span], pid: int, from_ns: int, until_ns: int | None) -> bool:
    """Whether a span of this OS process lies in a time, or reaches into it; None is no end."""
    return any(
        span.pid == pid
        and (until_ns is None or span.from_ns <= until_ns)
        and (not span.until_ns or span.until_ns >= from_ns)
        for span in spans
    )

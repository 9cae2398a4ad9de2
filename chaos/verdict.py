"""The verdict: what the evidence proves against the engine. No I/O; nothing is assumed that was not seen.

What is provable, and what is excused:

- A run is *open* from its start to its end, or to the instant at which its OS process was killed; one whose process
  ended in an unknown instant counts as open at its start alone.
- A process that is frozen (SIGSTOP) or cut off from the server may lose its leases and not know. What it was doing goes
  on, for a moment after it wakes up or until it hears of it: its runs may then overlap others, or start late. That is
  excused for a run whose process was away shortly before; that it *commits* is never excused.
- One that is cut off can count: it starts nothing once its leases have run out by its own clock.
- Nothing else may lose a lease: no outage of the server, however long, and no broken connection.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.evidence import UNKNOWN
from chaos.letter import DEADLY, DOOMED
from chaos.note import DONE
from chaos.run import Run, runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.crew import Span
    from chaos.evidence import Evidence
    from chaos.note import Note

MS = 1_000_000
#: How the engine words a dead letter whose workers died.
STALLED = "stalled"
#: A frozen process that goes on needs a moment to learn what it has lost.
WAKE_MS = 2_000
#: What was claimed before a pause may still start, once its thread gets its turn on a busy machine.
PAUSE_SLACK_MS = 2_000
#: From the look at the lease to the line that says that a handler started.
FENCE_SLACK_MS = 500
#: The same slack for recovery: the bound is lease + sweep, and then a thread has to be free.
RECOVERY_SLACK_MS = 2_000
#: A worker that stops writes its last acks for so long; an interrupt may meet a handler that has just ended.
LEAVE_MS, LEAVE_SLACK_MS = 15_000, 500
#: From the end of a handler to its ack in the server, when that can be reached.
ACK_MS = 1_000
#: The server's clock and ours are read at different moments.
EARLY_SLACK_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A broken promise. `user` and `at_ns` say where to look in the notes."""

    kind: str
    text: str
    user: str = ""
    at_ns: int = 0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The figures and the faults. `reruns_ms` holds one value for each kill whose recovery nothing else disturbed."""

    accepted: int = 0
    done: int = 0
    dead: int = 0
    stalled_dead: int = 0
    cancelled: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    overlapped: int = 0
    wasted: int = 0
    excused: int = 0
    runs: int = 0
    replies: int = 0
    stalled: int = 0
    restarts: int = 0
    keys_left: int = 0
    bound_ms: int = 0
    reruns_ms: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether no promise was broken."""
        return not self.faults


def judge(evidence: Evidence) -> Verdict:
    """Account for every message and every run."""
    return _Judge(evidence).verdict()


class _Judge:
    """One verdict in the making: every `_…` method looks for one kind of fault."""

    def __init__(self, evidence: Evidence) -> None:
        self._seen = evidence
        self._runs = runs_of(evidence)
        self._result = Verdict(bound_ms=evidence.lease_ms + evidence.sweep_ms)
        self._by_user: dict[str, list[Run]] = defaultdict(list)
        self._by_id: dict[str, list[Run]] = defaultdict(list)
        for run in self._runs:
            self._by_user[run.user].append(run)
            self._by_id[run.id].append(run)
        self._committed = {commit.token for commit in evidence.commits}
        self._done = {f"{commit.user}-{commit.seq}" for commit in evidence.commits}
        self._cancelled = {one.id for one in evidence.cancels if one.outcome in ("cancelled", "flagged")}
        self._zombies: set[str] = set()
        self._unknown = {one.id for one in evidence.cancels if one.outcome == UNKNOWN}
        self._perhaps = self._unknown | self._cleared()

    def _cleared(self) -> set[str]:
        """Name what may have been cancelled with its whole mailbox: what was sent before and may not have ended yet."""
        seen = self._seen
        return {
            letter.id
            for clear in seen.clears
            for letter in seen.accepted.values()
            if letter.user == clear.user and seen.sent_at_ns[letter.id] < clear.answered_ns
        }

    def verdict(self) -> Verdict:
        self._account()
        self._commits()
        self._order()
        self._dues()
        self._overlaps()
        self._fences()
        self._waste()
        self._operations()
        self._recovery()
        self._ends()
        self._result.excused = len(self._zombies)
        return self._result

    def _fault(self, kind: str, text: str, *, run: Run | None = None, user: str = "", at_ns: int = 0) -> None:
        if run is not None:
            user, at_ns = run.user, at_ns or run.start_ns
        self._result.faults.append(Fault(kind=kind, text=text, user=user, at_ns=at_ns))

    # -- every message -----------------------------------------------------------------------------------------------

    def _account(self) -> None:
        """Accepted is done, dead or cancelled: nothing lost, and nothing two of them."""
        seen, result = self._seen, self._result
        result.accepted, result.runs = len(seen.accepted), len(self._runs)
        for message_id, letter in seen.accepted.items():
            done, dead = message_id in self._done, message_id in seen.dead
            cancelled = message_id in self._cancelled
            at_ns = seen.accepted_at_ns.get(message_id, 0)
            result.done += done
            result.dead += dead
            result.stalled_dead += dead and seen.dead[message_id].startswith(STALLED)
            if dead and letter.how != DOOMED and not seen.dead[message_id].startswith(STALLED):
                text = f"{message_id} was given up for no reason of its own: {seen.dead[message_id]}"
                self._fault("given up", text, user=letter.user, at_ns=at_ns)
            if cancelled or (message_id in self._perhaps and not done and not dead):
                result.cancelled += 1
            elif not done and not dead and seen.is_drained:
                result.lost += 1
                self._fault("lost", f"{message_id} was accepted and came to nothing", user=letter.user, at_ns=at_ns)
            if done + dead + cancelled > 1:
                ends = [name for name, is_so in (("done", done), ("dead", dead), ("cancelled", cancelled)) if is_so]
                self._fault("two ends", f"{message_id} is {' and '.join(ends)}", user=letter.user, at_ns=at_ns)
        for message_id in self._done | set(seen.dead):
            if message_id not in seen.accepted:
                self._fault("from nowhere", f"{message_id} was never accepted", user=message_id.rpartition("-")[0])

    def _commits(self) -> None:
        """Each ack counted once, with all its effects, in order."""
        seen, result = self._seen, self._result
        result.replies = len(seen.replies)
        commits = [(commit.user, commit.seq, commit.token) for commit in seen.commits]
        replies = [(reply.user, reply.seq, reply.token) for reply in seen.replies]
        for what, effects in (("was committed", commits), ("was answered", replies)):
            for (user, seq), times in Counter((user, seq) for user, seq, _ in effects).items():
                if times > 1:
                    result.doubled += times - 1
                    self._fault("doubled", f"{user}-{seq} {what} {times} times", user=user)
            last: dict[str, int] = {}
            for user, seq, _ in effects if seen.jobs == 1 else ():
                letter = seen.accepted.get(f"{user}-{seq}")
                if letter is None or not letter.is_strict or letter.id in seen.requeued_at_ns:
                    continue
                if seq < last.get(user, -1):
                    result.reordered += 1
                    self._fault("reordered", f"{user}-{seq} {what} after {user}-{last[user]}", user=user)
                last[user] = max(seq, last.get(user, -1))
        for user in self._by_user:
            acks, answers = ([one for one in each if one[0] == user] for each in (commits, replies))
            if acks != answers and set(acks) == set(answers):
                result.reordered += 1
                self._fault("reordered", f"the replies to {user} came in another order than their acks", user=user)
        for user, seq, token in set(commits) ^ set(replies):
            what = "acked without its reply" if (user, seq, token) in commits else "answered without its ack"
            self._fault("torn", f"{user}-{seq} ({token}) was {what}", user=user)

    # -- every run ---------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        """Within a user, messages start in the order in which they were accepted, and again only after a retry."""
        result = self._result
        for runs in self._by_user.values():
            latest: Run | None = None
            for run in filter(self._has_its_turn, runs):
                if latest is None or run.seq >= latest.seq:
                    latest = run
                elif not self._is_zombie(run, run.start_ns):
                    result.reordered += 1
                    self._fault("reordered", f"{run.id} started after {latest.id} had started", run=run)
        for token, times in Counter(run.token for run in self._runs).items():
            if times > 1:
                run = next(run for run in self._runs if run.token == token)
                self._fault("doubled", f"{run.id} started {times} times by one token", run=run)

    def _has_its_turn(self, run: Run) -> bool:
        """Whether the run's place among its user's is that of its seq: a requeued message has another."""
        letter = self._seen.accepted.get(run.id)
        again_ns = self._seen.requeued_at_ns.get(run.id)
        return (
            self._seen.jobs == 1
            and letter is not None
            and letter.is_strict
            and (again_ns is None or run.start_ns <= again_ns)
        )

    def _dues(self) -> None:
        """Nothing that was delayed starts early."""
        seen = self._seen
        for run in self._runs:
            letter = seen.accepted.get(run.id)
            if letter is not None and letter.delay_ms:
                early_ms = letter.delay_ms - (run.start_ns - seen.sent_at_ns[run.id]) / MS
                if early_ms > EARLY_SLACK_MS:
                    self._fault("early", f"{run.id} started {early_ms:.0f} ms before it was due", run=run)

    def _overlaps(self) -> None:
        """No more runs of a user are open at once than may be, and never two of one message."""
        for runs in self._by_user.values():
            open_runs: list[Run] = []
            for run in runs:
                open_runs = [one for one in open_runs if one.end_ns is not None and one.end_ns > run.start_ns]
                beside = [one for one in open_runs if not self._is_zombie(one, run.start_ns)]
                is_too_much = len(beside) >= self._seen.jobs or any(one.id == run.id for one in beside)
                if is_too_much and not self._is_zombie(run, run.start_ns):
                    self._result.overlapped += 1
                    names = ", ".join(one.id for one in beside)
                    self._fault("overlapped", f"{run.id} started while {names} ran", run=run)
                open_runs.append(run)

    def _fences(self) -> None:
        """A worker that cannot reach the server starts nothing once its leases have run out."""
        for span in self._seen.cut:
            last_ns = span.from_ns + (self._seen.lease_ms + FENCE_SLACK_MS) * MS
            for run in self._runs:
                is_inside = last_ns < run.start_ns and (not span.until_ns or run.start_ns < span.until_ns)
                if run.pid == span.pid and is_inside and not _covers(self._seen.frozen, run.pid, 0, run.start_ns):
                    self._fault("unfenced", f"{run.id} started when its lease had run out", run=run)

    def _waste(self) -> None:
        """What ended well and did not count had lost its lease, and only a frozen or killed process may lose one."""
        seen = self._seen
        for run in self._runs:
            if run.what != DONE or run.token in self._committed or self._was_cancelled(run):
                continue
            if run.pid in seen.killed or self._is_leaving(run) or self._was_away(run.pid, run.start_ns, None):
                continue
            if any(other.pid == run.pid and self._is_deadly(other) for other in self._runs):
                continue  # its neighbour ended the whole process before this one's ack was written
            self._result.wasted += 1
            self._fault("wasted", f"{run.id} ended well in a healthy process, and its ack was refused", run=run)

    def _was_cancelled(self, run: Run) -> bool:
        ended_ns = run.end_ns or run.start_ns
        return run.id in self._cancelled | self._unknown or any(
            clear.user == run.user and clear.asked_ns <= ended_ns + ACK_MS * MS and clear.answered_ns >= run.start_ns
            for clear in self._seen.clears
        )

    def _is_leaving(self, run: Run) -> bool:
        """Whether the run's process may have ended before it could write the ack.

        An orphan ends itself after a few seconds; one that was asked to stop interrupts what runs when its grace is
        over, and does not wait for a server that is away.
        """
        seen, ended_ns = self._seen, run.end_ns or run.start_ns
        if run.pid in seen.orphans:
            return ended_ns >= seen.orphans[run.pid]
        asked_ns = seen.asked.get(run.pid)
        if asked_ns is None:
            return False
        if ended_ns >= asked_ns + (seen.grace_ms - LEAVE_SLACK_MS) * MS:
            return True
        gone_ns = asked_ns + (seen.grace_ms + LEAVE_MS) * MS
        return any(o.from_ns < gone_ns and (not o.until_ns or o.until_ns > asked_ns) for o in seen.outages)

    def _is_deadly(self, run: Run) -> bool:
        letter = self._seen.accepted.get(run.id)
        return letter is not None and letter.how == DEADLY and run.attempt == 1

    def _is_zombie(self, run: Run, at_ns: int) -> bool:
        """Whether this run may have lost its lease by then: it did not count, and its process was away before."""
        if run.token in self._committed:
            return False
        if not self._was_away(run.pid, at_ns - (2 * self._seen.lease_ms + WAKE_MS) * MS, at_ns):
            return False
        self._zombies.add(run.token)
        return True

    def _was_away(self, pid: int, from_ns: int, until_ns: int | None) -> bool:
        """Whether a process was frozen or cut off at some time."""
        return _covers(self._seen.frozen, pid, from_ns, until_ns) or _covers(self._seen.cut, pid, from_ns, until_ns)

    # -- what operators asked for ------------------------------------------------------------------------------------

    def _operations(self) -> None:
        """What was cancelled while it waited never starts; what is paused does not start."""
        for cancel in self._seen.cancels:
            if cancel.outcome != "cancelled":
                continue
            for run in self._by_id[cancel.id]:
                if run.start_ns > cancel.answered_ns and not self._is_zombie(run, run.start_ns):
                    self._fault("cancelled", f"{run.id} started after it was cancelled", run=run)
        for pause in self._seen.pauses:
            for run in self._by_user[pause.user] if pause.user else self._runs:
                if pause.from_ns + PAUSE_SLACK_MS * MS < run.start_ns < pause.until_ns and not self._was_away(
                    run.pid, pause.from_ns, run.start_ns
                ):
                    self._fault("paused", f"{run.id} started while {pause.user or 'everything'} was paused", run=run)

    def _recovery(self) -> None:
        """After a kill, the first of the messages that ran there runs again within lease and sweep."""
        seen, result = self._seen, self._result
        for pid, killed_ns in seen.killed.items():
            broken = [run for run in self._runs if run.pid == pid and run.end_ns == killed_ns]
            again = [later.start_ns for run in broken for later in self._by_id[run.id] if later.start_ns > killed_ns]
            if not again or self._is_disturbed(killed_ns, min(again), {run.user for run in broken}):
                continue
            took_ms = round((min(again) - killed_ns) / MS)
            result.reruns_ms.append(took_ms)
            if took_ms > result.bound_ms + RECOVERY_SLACK_MS:
                text = f"the first re-run came {took_ms} ms after a kill; lease and sweep are {result.bound_ms} ms"
                self._fault("late", text, run=broken[0], at_ns=killed_ns)

    def _is_disturbed(self, from_ns: int, until_ns: int, users: set[str]) -> bool:
        """Whether an outage (and the grace after it), a pause, or the end of another worker explains a slow recovery.

        Whoever sweeps may be the one that ended, and then another takes that over within a lease.
        """
        grace_ns = 2 * self._seen.lease_ms * MS
        deadly = [run.start_ns for run in self._runs if self._is_deadly(run)]
        ends = [*self._seen.killed.values(), *self._seen.orphans.values(), *deadly]
        ends += [span.from_ns for span in (*self._seen.frozen, *self._seen.cut)]
        if any(from_ns < at_ns < until_ns for at_ns in ends):
            return True
        return any(
            outage.from_ns < until_ns and (not outage.until_ns or outage.until_ns + grace_ns > from_ns)
            for outage in self._seen.outages
        ) or any(
            pause.from_ns < until_ns and pause.until_ns > from_ns and (not pause.user or pause.user in users)
            for pause in self._seen.pauses
        )

    # -- the end -----------------------------------------------------------------------------------------------------

    def _ends(self) -> None:
        """Everything drained, the engine's own counters agree, the workers stopped, and no key is left."""
        seen, result, totals = self._seen, self._result, self._seen.totals
        result.stalled, result.restarts, result.keys_left = totals.stalled, seen.restarts, len(seen.left_keys)
        if not seen.is_drained:
            self._fault("stuck", f"{totals.waiting} messages still waited and {totals.running} ran at the end")
        if not seen.is_gone:
            self._fault("stuck", "a worker did not stop when it was asked to")
        if seen.left_keys:
            self._fault("keys", f"keys are left for ever: {', '.join(seen.left_keys[:8])}")
        if seen.is_drained:
            self._count("accepted", totals.accepted, len(seen.accepted) + len(self._committed))
            self._count("done", totals.done, len(seen.commits) + len(seen.replies))
            self._count("dead", totals.died - totals.requeued, len(seen.dead))
            self._count("cancelled", totals.cancelled, result.cancelled)

    def _count(self, name: str, counted: int, seen: int) -> None:
        if counted != seen:
            self._fault("counters", f"the engine counts {counted} {name}; it should be {seen}")


def _covers(spans: Sequence[Span], pid: int, from_ns: int, until_ns: int | None) -> bool:
    return any(
        span.pid == pid
        and (until_ns is None or span.from_ns <= until_ns)
        and (not span.until_ns or span.until_ns >= from_ns)
        for span in spans
    )


def notes_around(evidence: Evidence, fault: Fault, *, before_s: float = 6.0, after_s: float = 3.0) -> list[Note]:
    """Return what the handlers of a fault's user noted around it; all of that user's last ones if it has no instant."""
    notes = [note for note in evidence.notes if note.user == fault.user]
    if not fault.at_ns:
        return notes[-20:]
    first, last = fault.at_ns - int(before_s * 1e9), fault.at_ns + int(after_s * 1e9)
    return [note for note in notes if first <= note.at_ns <= last]

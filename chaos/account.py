"""The account: every message came to one end, every effect is there once, and the engine counts alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from chaos.excuse import may_have_lost
from chaos.letter import DOOMED

if TYPE_CHECKING:
    from chaos.case import Case
    from chaos.run import Run

#: Of whom, which message, by which attempt.
Effect = tuple[str, int, str]

#: How the engine words a dead letter whose workers died.
STALLED = "stalled"


def judge_messages(case: Case) -> None:
    """Account for every message, every effect, and what is left."""
    _account(case)
    _burials(case)
    _effects(case)
    _ends(case)


def _account(case: Case) -> None:
    """Accepted is done, dead or cancelled: nothing lost, and nothing two of them."""
    seen, result = case.seen, case.result
    result.accepted, result.runs = len(seen.accepted), len(case.runs)
    for message_id, letter in seen.accepted.items():
        done, dead = message_id in case.done, message_id in seen.dead
        cancelled = message_id in case.cancelled
        at_ns = seen.accepted_at_ns.get(message_id, 0)
        result.done += done
        result.dead += dead
        result.stalled_dead += dead and seen.dead[message_id].startswith(STALLED)
        if dead and letter.how != DOOMED and not seen.dead[message_id].startswith(STALLED):
            text = f"{message_id} was given up for no reason of its own: {seen.dead[message_id]}"
            case.fault("given up", text, user=letter.user, at_ns=at_ns)
        if cancelled or (message_id in case.perhaps and not done and not dead):
            result.cancelled += 1
        elif not done and not dead and seen.is_drained:
            result.lost += 1
            case.fault("lost", f"{message_id} was accepted and came to nothing", user=letter.user, at_ns=at_ns)
        if done + dead + cancelled > 1:
            ends = [name for name, is_so in (("done", done), ("dead", dead), ("cancelled", cancelled)) if is_so]
            case.fault("two ends", f"{message_id} is {' and '.join(ends)}", user=letter.user, at_ns=at_ns)
    for message_id in case.done | set(seen.dead):
        if message_id not in seen.accepted:
            case.fault("from nowhere", f"{message_id} was never accepted", user=message_id.rpartition("-")[0])


def _burials(case: Case) -> None:
    """Only what took its process along once too often is given up for that, and no innocent with it.

    An attempt that nobody noted was claimed and not begun when its process ended.
    """
    seen = case.seen
    by_death: dict[int, list[Run]] = defaultdict(list)
    for message_id, error in seen.dead.items():
        if not error.startswith(STALLED) or message_id not in seen.accepted:
            continue
        runs = [run for run in case.by_id[message_id] if run.start_ns > seen.reborn_at_ns.get(message_id, 0)]
        attempts = seen.died_after.get(message_id, 0)
        unseen = max(0, attempts - len({run.attempt for run in runs}))
        deaths = sum(run.token not in case.committed and may_have_lost(case, run) for run in runs)
        if deaths + unseen <= seen.max_stalls:
            text = f"{message_id} was given up after {deaths + unseen} deaths of its process: {error}"
            case.fault("innocent", text, user=seen.accepted[message_id].user, at_ns=runs[-1].start_ns if runs else 0)
        elif runs[-1:] and runs[-1].attempt == attempts and runs[-1].end_ns == seen.killed.get(runs[-1].pid, 0):
            by_death[runs[-1].pid].append(runs[-1])
    for runs in by_death.values():
        if len(runs) > 1:
            names = ", ".join(run.id for run in runs)
            case.fault("innocent", f"one death of a process buried all of {names}", run=runs[0])


def _effects(case: Case) -> None:
    """Each ack counted once, with all its effects, in order."""
    seen, result = case.seen, case.result
    result.replies = len(seen.replies)
    commits = [(commit.user, commit.seq, commit.token) for commit in seen.commits]
    replies = [(reply.user, reply.seq, reply.token) for reply in seen.replies]
    for what, effects in (("was committed", commits), ("was answered", replies)):
        for (user, seq), times in Counter((user, seq) for user, seq, _ in effects).items():
            if times > 1:
                result.doubled += times - 1
                case.fault("doubled", f"{user}-{seq} {what} {times} times", user=user)
        if seen.jobs == 1:
            _in_order(case, what, effects)
    _in_one_order(case, commits, replies)
    for user, seq, token in set(commits) ^ set(replies):
        what = "acked without its reply" if (user, seq, token) in commits else "answered without its ack"
        case.fault("torn", f"{user}-{seq} ({token}) was {what}", user=user)


def _in_order(case: Case, what: str, effects: list[Effect]) -> None:
    """Within a user, effects come in the order of the messages; a requeued one has another place."""
    last: dict[str, int] = {}
    for user, seq, _ in effects:
        letter = case.seen.accepted.get(f"{user}-{seq}")
        if letter is None or not letter.is_strict or letter.id in case.seen.requeued_at_ns:
            continue
        if seq < last.get(user, -1):
            case.result.reordered += 1
            case.fault("reordered", f"{user}-{seq} {what} after {user}-{last[user]}", user=user)
        last[user] = max(seq, last.get(user, -1))


def _in_one_order(case: Case, commits: list[Effect], replies: list[Effect]) -> None:
    """Within a user, replies come in the order of the acks that they were committed with."""
    of_user: dict[str, tuple[list[Effect], list[Effect]]] = defaultdict(lambda: ([], []))
    for which, effects in enumerate((commits, replies)):
        for effect in effects:
            of_user[effect[0]][which].append(effect)
    for user, (acks, answers) in of_user.items():
        if acks != answers and set(acks) == set(answers):
            case.result.reordered += 1
            case.fault("reordered", f"the replies to {user} came in another order than their acks", user=user)


def _ends(case: Case) -> None:
    """Everything drained, the engine's own counters agree, the workers stopped, and no key is left."""
    seen, result, totals = case.seen, case.result, case.seen.totals
    result.stalled, result.restarts, result.keys_left = totals.stalled, seen.restarts, len(seen.left_keys)
    if not seen.is_drained:
        case.fault("stuck", f"{totals.waiting} messages still waited and {totals.running} ran at the end")
    if not seen.is_gone:
        case.fault("stuck", "a worker did not stop when it was asked to")
    if seen.left_keys:
        case.fault("keys", f"keys are left for ever: {', '.join(seen.left_keys[:8])}")
    if seen.is_drained:
        _count(case, "accepted", totals.accepted, len(seen.accepted) + len(case.committed))
        _count(case, "done", totals.done, len(seen.commits) + len(seen.replies))
        _count(case, "dead", totals.died - totals.requeued, len(seen.dead))
        _count(case, "cancelled", totals.cancelled, result.cancelled)


def _count(case: Case, name: str, counted: int, seen: int) -> None:
    if counted != seen:
        case.fault("counters", f"the engine counts {counted} {name}; it should be {seen}")

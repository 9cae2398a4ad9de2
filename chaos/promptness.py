"""How soon: what must happen within a time, on a machine where nothing goes wrong, or one worker is killed."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from chaos.figure import Figure, outcome_of_figures, percentile
from chaos.letter import DOOMED, WELL, Letter
from chaos.note import DONE, FAILED, START, STOPPED
from chaos.stage import staged
from chaos.verdict import MS
from okos.mailbox.options import EngineOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaos.outcome import Outcome
    from chaos.stage import Stage
    from chaos.storm import Say

#: How often each of the short ones is repeated; the worst counts.
TIMES = 10
LONG_MS = 60_000
ACTORS = ("work", "work_async")


def _letter(user: str, seq: int, *, actor: str = "work", how: str = WELL, ms: int = 0, delay_ms: int = 0) -> Letter:
    return Letter(user=user, seq=seq, actor=actor, how=how, ms=ms, delay_ms=delay_ms)


# -- together ----------------------------------------------------------------------------------------------------------


def together(directory: Path, say: Say) -> Outcome:
    """As many users as there are slots, a second each: all at once."""
    users = 50
    with staged(directory, workers=2, threads=users // 2) as stage:
        began_ns = time.monotonic_ns()
        for number in range(users):
            stage.send(_letter(f"user{number}", 0, ms=1_000))
        stage.wait(lambda: len(stage.notes(DONE)) == users, "all have ended")
        took_ms = (max(note.at_ns for note in stage.notes(DONE)) - began_ns) / MS
    say(f"{users} messages of a second took {took_ms:.0f} ms")
    return outcome_of_figures([Figure(what=f"{users} users, a second each, {users} slots", value=took_ms, most=2_000)])


# -- prompt ------------------------------------------------------------------------------------------------------------


def prompt(directory: Path, say: Say) -> Outcome:
    """What an operator or a limit ends, ends at once, and what is behind it starts."""
    measures: dict[str, tuple[Callable[[Stage, str], float], float]] = {
        "from the cancel of what waits to the start of the next": (_cancel_waiting, 100),
        "from the cancel of a coroutine to its end": (lambda stage, user: _cancel(stage, user, "work_async"), 1_000),
        "from the cancel of a thread's handler to its end": (lambda stage, user: _cancel(stage, user, "work"), 1_000),
        "from a coroutine's time limit to its end": (lambda stage, user: _limit(stage, user, "work_async"), 1_000),
        "from a thread's time limit to its end": (lambda stage, user: _limit(stage, user, "work"), 1_000),
        "from the last failure to the start of the next": (_bury, 1_000),
    }
    figures = []
    with staged(directory) as stage:
        for number, (what, (measure, most_ms)) in enumerate(measures.items()):
            worst_ms = max(measure(stage, f"user{number}x{again}") for again in range(TIMES))
            figures.append(Figure(what=f"{what}, the worst of {TIMES}", value=worst_ms, most=most_ms))
            say(str(figures[-1]))
        stage.drain()
    return outcome_of_figures(figures)


def _cancel_waiting(stage: Stage, user: str) -> float:
    """A held message stands before another one, and is cancelled."""
    head = _letter(user, 0)
    stage.send(head, hold=LONG_MS)
    stage.send(_letter(user, 1))
    asked_ns = time.monotonic_ns()
    stage.broker.cancel(head.id)
    return (stage.find(user, 1, START).at_ns - asked_ns) / MS


def _cancel(stage: Stage, user: str, actor: str) -> float:
    running = _letter(user, 0, actor=actor, ms=LONG_MS)
    stage.send(running)
    stage.find(user, 0, START)
    asked_ns = time.monotonic_ns()
    stage.broker.cancel(running.id)
    return (stage.find(user, 0, STOPPED).at_ns - asked_ns) / MS


def _limit(stage: Stage, user: str, actor: str) -> float:
    limit_ms = 500
    stage.send(_letter(user, 0, actor=actor, ms=LONG_MS), time_limit=limit_ms, max_retries=0)
    started_ns = stage.find(user, 0, START).at_ns
    return (stage.find(user, 0, STOPPED).at_ns - started_ns) / MS - limit_ms


def _bury(stage: Stage, user: str) -> float:
    stage.send(_letter(user, 0, how=DOOMED), max_retries=0)
    stage.send(_letter(user, 1))
    failed_ns = stage.find(user, 0, FAILED).at_ns
    return (stage.find(user, 1, START).at_ns - failed_ns) / MS


# -- rate --------------------------------------------------------------------------------------------------------------


def rate(directory: Path, say: Say) -> Outcome:
    """Five in ten seconds: a burst at once, then one every two seconds, and nobody else is held up."""
    burst, gap_ms, written = 5, 2_000, 20
    with staged(directory, workers=1, threads=2, rate={"jobs_per_second": 0.5, "burst": burst}) as stage:
        accepted_ns = [stage.send(_letter("limited", seq)) for seq in range(written)]
        others_ns = [stage.send(_letter(f"user{number}", 0)) for number in range(TIMES)]
        waits_ms = [
            (stage.find(f"user{number}", 0, START).at_ns - at_ns) / MS for number, at_ns in enumerate(others_ns)
        ]
        for seq in range(2 * burst):
            stage.send(_letter("freed", seq))
        stage.find("freed", burst - 1, DONE)
        asked_ns = time.monotonic_ns()
        stage.broker.limit("freed", jobs_per_second=0)
        freed_ms = (stage.find("freed", 2 * burst - 1, START).at_ns - asked_ns) / MS
        stage.find("limited", written - 1, DONE)
        starts_ns = [note.at_ns for note in stage.notes(START) if note.user == "limited"]
    say(f"starts after {', '.join(f'{(at_ns - starts_ns[0]) / MS / 1000:.2f}' for at_ns in starts_ns)} s")
    gaps_ms = [(later - one) / MS for one, later in pairwise(starts_ns[burst:])]
    gaps_ms.append((starts_ns[burst] - starts_ns[0]) / MS)
    return outcome_of_figures(
        [
            Figure(
                what=f"the burst of {burst}, from the first message to the last start",
                value=(starts_ns[burst - 1] - accepted_ns[0]) / MS,
                most=100,
            ),
            Figure(
                what=f"what a gap differs from {gap_ms} ms, the worst",
                value=max(abs(gap - gap_ms) for gap in gaps_ms),
                most=100,
            ),
            Figure(what="from publish to start for others meanwhile, the worst", value=max(waits_ms), most=100),
            Figure(what="from a new limit to the start of what it frees", value=freed_ms, most=1_000),
        ]
    )


# -- delays ------------------------------------------------------------------------------------------------------------


def delays(directory: Path, say: Say) -> Outcome:
    """A thousand messages that are due within a few seconds."""
    count = 1_000
    with staged(directory) as stage:
        accepted_ns = {}
        for number in range(count):
            letter = _letter(f"user{number}", 0, delay_ms=1_000 + 4_000 * number // count)
            accepted_ns[letter.id] = stage.send(letter) + letter.delay_ms * MS
        stage.wait(lambda: len(stage.notes(START)) == count, "all have started")
        errors_ms = [abs(note.at_ns - accepted_ns[f"{note.user}-{note.seq}"]) / MS for note in stage.notes(START)]
        stage.drain()
    say(f"{count} delayed messages")
    p99_ms = percentile(errors_ms, 0.99)
    return outcome_of_figures([Figure(what=f"{count} dues missed by (p99)", value=p99_ms, most=200)])


# -- neighbours --------------------------------------------------------------------------------------------------------

NEIGHBOURS, EVERY_S, CALM_S = 20, 0.01, 6.0


def neighbours(directory: Path, say: Say) -> Outcome:
    """A worker is killed while it runs a user's first message: that user goes on in time, and others notice nothing."""
    lease_ms = 3_000
    bound_ms = lease_ms + EngineOptions(lease_ms=lease_ms).sweep_ms
    accepted_ns: dict[str, int] = {}
    with staged(directory, workers=3, threads=8, lease_ms=lease_ms) as stage:

        def write(seconds: float, first: int) -> int:
            until, seq = time.monotonic() + seconds, first
            while time.monotonic() < until:
                letter = _letter(f"user{seq % NEIGHBOURS}", seq // NEIGHBOURS, ms=10)
                accepted_ns[letter.id] = stage.send(letter)
                stage.crew.look()
                seq += 1
                time.sleep(EVERY_S)
            return seq

        written = write(CALM_S, 0)
        stage.send(_letter("victim", 0, ms=2_000))
        for seq in (1, 2):
            stage.send(_letter("victim", seq))
        pid = stage.find("victim", 0, START).pid
        killed_ns = time.monotonic_ns()
        stage.crew.kill_worker(pid)
        write(CALM_S, written)
        stage.find("victim", 2, DONE)
        stage.drain()
        notes = stage.notes()
    runs = [note for note in notes if note.user == "victim" and note.what == START]
    again_ms = (runs[1].at_ns - killed_ns) / MS
    ended_ns = next(note.at_ns for note in notes if (note.user, note.seq, note.what) == ("victim", 0, DONE))
    early_ms = max(0.0, (ended_ns - runs[2].at_ns) / MS)
    touched = {note.user for note in notes if note.attempt > 1}
    calm_ms: list[float] = []
    after_ms: list[float] = []
    for note in notes:
        if note.what == START and note.user not in touched and note.user != "victim":
            wait_ms = (note.at_ns - accepted_ns[f"{note.user}-{note.seq}"]) / MS
            (after_ms if note.at_ns > killed_ns else calm_ms).append(wait_ms)
    say(f"{len(touched)} users had a message in the worker that was killed; {len(after_ms)} starts of others after it")
    calm_p99_ms = percentile(calm_ms, 0.99)
    say(f"publish to start for others before the kill: {calm_p99_ms:.1f} ms (p99)")
    return outcome_of_figures(
        [
            Figure(what="from the kill to the next start of what ran there", value=again_ms, most=bound_ms),
            Figure(what="what that user's next one started before its end", value=early_ms, most=0),
            Figure(what="publish to start for others after the kill (p99)", value=percentile(after_ms, 0.99), most=100),
        ]
    )

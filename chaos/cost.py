"""What it costs: doing nothing, a crowd of users, a history that is full."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.figure import Figure, outcome_of_figures, percentile
from chaos.letter import Mix
from chaos.note import START
from chaos.outcome import outcome_of
from chaos.plan import AT_ONCE, Plan
from chaos.storm import Say, Storm
from chaos.verdict import MS
from okos.mailbox.script import compose

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.outcome import Outcome

_ONCE = Mix(most_ms=0, shaky=0, doomed=0, slow=0, later=0, burst=1, is_once=True)
_IDLE = Plan(seed=32, seconds=40, mix=_ONCE, rate=3, most=100, idle_s=60, lease_ms=15_000)
_FAILING = Mix(users=200, most_ms=0, doomed=1.0, shaky=0, slow=0, later=0)
_FAILED = Plan(
    seed=39, seconds=300, mix=_FAILING, rate=AT_ONCE, most=10_000, keep_dead=1_000, slow_us=5_000, drain_s=300
)
_FEW, _MANY = 1_000, 100_000
#: No-ops would be claimed by the dozen: a few hundred claims are wanted of a thousand messages.
_CROWD = Plan(
    seed=31,
    seconds=900,
    mix=replace(_ONCE, most_ms=10),
    rate=AT_ONCE,
    lease_ms=15_000,
    drain_s=900,
    claims=400,
    is_held_back=True,
)


def idle(directory: Path, say: Say) -> Outcome:
    """Nothing to do costs next to nothing, and what comes then starts at once."""
    plan = _IDLE
    evidence = Storm(plan, directory, say).run()
    processes = plan.workers + 1  # the reader of the replies is one too
    starts = [note for note in evidence.notes if note.what == START]
    waits_ms = [(note.at_ns - evidence.sent_at_ns[f"{note.user}-{note.seq}"]) / MS for note in starts]
    figures = [
        Figure(
            what="round trips of an idle process",
            value=evidence.idle_calls / plan.idle_s / processes,
            most=1,
            unit="a second",
        ),
        Figure(what="publish to start (p99)", value=percentile(waits_ms, 0.99), most=50),
    ]
    return outcome_of_figures(figures, outcome_of(evidence))


def crowd(directory: Path, say: Say) -> Outcome:
    """A claim costs as much among 100,000 waiting mailboxes as among 1,000, and none of them leaves a key."""
    p99_us = {}
    outcome = None
    for users in (_FEW, _MANY):
        home = directory / str(users)
        home.mkdir()
        evidence = Storm(replace(_CROWD, most=users), home, say).run()
        outcome = outcome_of(evidence)
        if not outcome.is_good:
            return outcome
        p99_us[users] = percentile(evidence.claims_us, 0.99)
        say(f"{users} users: {len(evidence.claims_us)} claims, {p99_us[users]:.0f} us (p99)")
    figure = Figure(
        what=f"what a claim takes the server among {_MANY:,} mailboxes, against {_FEW:,} (p99)",
        value=p99_us[_MANY] / p99_us[_FEW],
        most=2,
        unit="times",
    )
    return outcome_of_figures([figure], outcome)


def history(directory: Path, say: Say) -> Outcome:
    """Ten thousand failures, of which a thousand are kept: never more, and no sweep takes long."""
    plan = _FAILED
    evidence = Storm(plan, directory, say).run()
    totals = evidence.totals
    sweep = compose("sweep").digest.decode()
    slow = [us for us, call in evidence.slow_calls if sweep in call]
    say(f"{totals.died} failed, {len(evidence.dead)} are kept; {len(evidence.slow_calls)} calls took more than 5 ms")
    counts = {
        "failures that were not counted": abs(totals.died - len(evidence.accepted)),
        "dead letters that are kept above the limit": len(evidence.dead) - plan.keep_dead,
        "dead letters that are missing": plan.keep_dead - len(evidence.dead),
        "messages that did not come to an end": totals.waiting + totals.running,
        "keys that nobody will ever delete": len(evidence.left_keys),
        "sweeps of more than 5 ms": len(slow),
    }
    return outcome_of_figures([Figure(what=what, value=count, most=0, unit="") for what, count in counts.items()])

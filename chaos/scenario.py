"""The scenarios that take long, by name: each a storm with one kind of trouble, and what it is to show besides.

The common verdict (nothing lost, doubled, reordered, overlapped, wasted or left) holds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chaos.letter import Mix
from chaos.note import START
from chaos.outcome import Outcome, outcome_of
from chaos.plan import Plan
from chaos.run import runs_of
from chaos.storm import Say, Storm
from chaos.trouble import Trouble, every
from chaos.turnover import turn_over
from chaos.verdict import MS, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.evidence import Evidence

Check = Callable[["Evidence"], list[Fault]]

#: After an outage whatever is due starts within this.
RESUME_MS = 2_000
#: After a failover the queue goes on within this.
FAILOVER_MS = 10_000
PICKUP_P99_MS = 50
SWEEP_US = 5_000
IDLE_CALLS_PER_S = 1.0
AT_ONCE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One named run; `what` is said in the help and before it runs."""

    what: str
    run: Callable[[Path, Say], Outcome]


def _storm(plan: Plan, check: Check = lambda _: []) -> Callable[[Path, Say], Outcome]:
    def run(directory: Path, say: Say) -> Outcome:
        evidence = Storm(plan, directory, say).run()
        return outcome_of(evidence, *check(evidence))

    return run


# -- what a scenario is to show besides --------------------------------------------------------------------------------


def _without_restart(evidence: Evidence) -> list[Fault]:
    if evidence.restarts:
        return [Fault(kind="restarted", text=f"{evidence.restarts} workers ended during the outage")]
    return []


def _resumed(within_ms: int) -> Check:
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


def _punctual(evidence: Evidence) -> list[Fault]:
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


def _refused(evidence: Evidence) -> list[Fault]:
    """A full server says so to whoever publishes."""
    if not evidence.refusals.get("the server is full"):
        return [Fault(kind="silent", text="the server was full and no publish was refused")]
    return []


def _idle(plan: Plan) -> Check:
    """Nothing to do costs next to nothing, and what comes then starts at once."""

    def check(evidence: Evidence) -> list[Fault]:
        faults = []
        per_s = evidence.idle_calls / plan.idle_s / (plan.workers + 1)  # the reader of the replies is one too
        if per_s > IDLE_CALLS_PER_S:
            faults.append(Fault(kind="busy", text=f"an idle process makes {per_s:.2f} round trips a second"))
        waits = sorted((run.start_ns - evidence.sent_at_ns[run.id]) / MS for run in runs_of(evidence))
        p99 = waits[int(len(waits) * 0.99)]
        if p99 > PICKUP_P99_MS:
            faults.append(Fault(kind="late", text=f"publish to start takes {p99:.0f} ms (p99)"))
        return faults

    return check


def _kept(plan: Plan, directory: Path, say: Say) -> Outcome:
    """Fail all messages; only so many dead letters are kept, and no sweep is long."""
    evidence = Storm(plan, directory, say).run()
    totals, faults = evidence.totals, []
    if totals.died != len(evidence.accepted) or not evidence.is_drained:
        faults.append(Fault(kind="lost", text=f"{totals.died} of {len(evidence.accepted)} messages were given up"))
    if len(evidence.dead) != plan.keep_dead:
        faults.append(Fault(kind="history", text=f"{len(evidence.dead)} dead letters are kept, not {plan.keep_dead}"))
    if evidence.left_keys:
        faults.append(Fault(kind="keys", text=f"keys are left for ever: {', '.join(evidence.left_keys[:8])}"))
    if evidence.slow_calls:
        worst = max(evidence.slow_calls)
        faults.append(Fault(kind="slow", text=f"{len(evidence.slow_calls)} calls above {plan.slow_us} us: {worst}"))
    lines = [f"  {totals.died} failed, {len(evidence.dead)} are kept"]
    lines += [f"  {fault.kind}: {fault.text}" for fault in faults]
    return Outcome(
        is_good=not faults, table="\n".join(lines), figures={"died": totals.died, "kept": len(evidence.dead)}
    )


# -- the scenarios -----------------------------------------------------------------------------------------------------

_SLOW = Mix(users=20, slow=0.2, slow_ms=20_000, shaky=0.3, doomed=0, burst=2, later=0)
_DELAYED = Mix(users=100, later=1.0, later_ms=10_000, burst=1, shaky=0, doomed=0, slow=0, is_once=True)
_FAILING = Mix(users=200, most_ms=0, doomed=1.0, shaky=0, slow=0, later=0)
_ONCE = Mix(most_ms=0, shaky=0, doomed=0, slow=0, later=0, burst=1, is_once=True)
_IDLE_PLAN = Plan(seed=32, seconds=40, mix=replace(_ONCE, burst=1), rate=3, most=100, idle_s=60, lease_ms=15_000)
_KEPT_PLAN = Plan(
    seed=39, seconds=300, mix=_FAILING, rate=AT_ONCE, most=10_000, keep_dead=1_000, slow_us=SWEEP_US, drain_s=300
)


def _outage(kind: str, at_s: float, lasts_s: float) -> Trouble:
    return Trouble(at_ms=int(at_s * 1000), kind=kind, lasts_ms=int(lasts_s * 1000))


SCENARIOS = {
    "5": Scenario(
        what="kill -9 of a worker every 3 s for 60 s",
        run=_storm(Plan(seed=5, seconds=62, lease_ms=1_500, troubles=tuple(every("kill", 3, for_s=60)))),
    ),
    "9": Scenario(
        what="the server is down for 30 s while handlers run and some raise",
        run=_storm(
            Plan(seed=9, seconds=45, mix=_SLOW, rate=3, drain_s=300, troubles=(_outage("restart", 8, 30),)),
            _without_restart,
        ),
    ),
    "10": Scenario(
        what="the server is down when 100 delayed messages are due",
        run=_storm(
            Plan(seed=10, seconds=20, mix=_DELAYED, rate=50, most=100, troubles=(_outage("restart", 3, 12),)), _punctual
        ),
    ),
    "11": Scenario(
        what="the server is killed every 6 s for 60 s, appendfsync always",
        run=_storm(Plan(seed=11, seconds=62, troubles=tuple(every("restart", 6, for_s=60, lasts_ms=500)))),
    ),
    "12": Scenario(
        what="the server's memory is full for 20 s",
        run=_storm(Plan(seed=12, seconds=35, rate=200, troubles=(_outage("memory", 3, 20),)), _refused),
    ),
    "13": Scenario(
        what="the server stalls for 8 s, four times",
        run=_storm(
            Plan(seed=13, seconds=62, troubles=tuple(every("stall", 15, for_s=60, lasts_ms=8_000))), _without_restart
        ),
    ),
    "14": Scenario(
        what="two failovers to a replica: the primary dies, then a planned one that keeps connections open",
        run=_storm(
            Plan(seed=14, seconds=40, has_replica=True, troubles=(_outage("failover", 5, 0), _outage("swap", 22, 0))),
            _resumed(FAILOVER_MS),
        ),
    ),
    "15": Scenario(
        what="the server forgets its scripts every second for 30 s, and is restarted three times",
        run=_storm(
            Plan(
                seed=15,
                seconds=32,
                troubles=(*every("flush", 1, for_s=30), *every("restart", 9, for_s=30, lasts_ms=1_000)),
            )
        ),
    ),
    "16": Scenario(
        what="all connections are broken every 2 s for 30 s",
        run=_storm(Plan(seed=16, seconds=32, troubles=tuple(every("disconnect", 2, for_s=30))), _without_restart),
    ),
    "17": Scenario(
        what="a worker is frozen beyond its lease every 6 s for 60 s",
        run=_storm(Plan(seed=17, seconds=66, troubles=tuple(every("freeze", 6, for_s=60, lasts_ms=5_000)))),
    ),
    "31": Scenario(
        what="100,000 users with one message each leave no key",
        run=_storm(Plan(seed=31, seconds=600, mix=_ONCE, rate=AT_ONCE, most=100_000, drain_s=600)),
    ),
    "32": Scenario(
        what="60 s idle, then 3 messages a second: calls, and publish to start",
        run=_storm(_IDLE_PLAN, _idle(_IDLE_PLAN)),
    ),
    "39": Scenario(
        what="10,000 failures, of which 1,000 are kept", run=lambda directory, say: _kept(_KEPT_PLAN, directory, say)
    ),
    "41": Scenario(
        what="old and new workers side by side for a minute",
        run=_storm(Plan(seed=41, seconds=60, old=1, max_retries=12, mix=Mix(unknown=0.2, doomed=0))),
    ),
    "43": Scenario(what="200 starts and stops of a worker in one process", run=turn_over),
}

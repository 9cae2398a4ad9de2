"""The soak: a long, calm load of 70 % of what the slots can carry; what is used must not grow."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chaos.evidence import Commit
from chaos.letter import Mix
from chaos.outcome import Outcome, outcome_of
from chaos.plan import Plan
from chaos.sample import Sample, slope_mb_per_min
from chaos.storm import Say, Storm
from chaos.verdict import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.evidence import Evidence

SHARE = 0.7
MEAN_MS = 60
SAMPLE_S = 5.0
SLOPE_MB_PER_MIN = 1.0
#: Pools and caches fill in the first part; the slope is taken after it.
WARM_SHARE = 1 / 3
#: A worker's connections come and go by a few.
DESCRIPTORS_SLACK, THREADS_SLACK = 4, 2


def plan_of(minutes: float) -> Plan:
    """Make the plan: 12 slots, handlers of 60 ms on average, 140 messages a second."""
    workers, threads = 3, 4
    return Plan(
        seed=44,
        seconds=minutes * 60,
        mix=Mix(users=60, most_ms=2 * MEAN_MS, slow=0, later=0.02),
        rate=SHARE * workers * threads * 1000 / MEAN_MS,
        workers=workers,
        threads=threads,
        lease_ms=15_000,
        keep_commits=10,
        sample_s=min(SAMPLE_S, minutes * 2),
    )


def soak(minutes: float, directory: Path, say: Say) -> Outcome:
    """Run it and judge what was used."""
    evidence = Storm(plan_of(minutes), directory, say).run()
    # Only the last acks of a user are kept, so that the server's memory does not grow by them: the replies, which
    # were committed with them, stand for them.
    evidence.commits = [Commit(reply.user, reply.seq, reply.token) for reply in evidence.replies]
    faults, lines = judge_use(evidence)
    outcome = outcome_of(evidence, *faults)
    return Outcome(
        is_good=outcome.is_good,
        table="\n".join([outcome.table, *lines]),
        story=outcome.story,
        figures={**outcome.figures, "use": lines},
    )


def judge_use(evidence: Evidence) -> tuple[list[Fault], list[str]]:
    """Say of each process whether it grew. The harness keeps all notes in memory and is not judged."""
    by_whom: dict[str, list[Sample]] = defaultdict(list)
    for sample in evidence.samples:
        by_whom[sample.who].append(sample)
    faults, lines = [], []
    for who, samples in sorted(by_whom.items()):
        warm = samples[int(len(samples) * WARM_SHARE) :]
        if not warm or who == "harness":
            continue
        first, last, slope = warm[0], warm[-1], slope_mb_per_min(warm)
        lines.append(
            f"  {who:<14} {last.rss_bytes / 1e6:7.1f} MB ({slope:+.3f} MB/min), {last.descriptors} descriptors"
            f" ({last.descriptors - first.descriptors:+d}), {last.threads} threads ({last.threads - first.threads:+d})"
        )
        if slope >= SLOPE_MB_PER_MIN:
            faults.append(Fault(kind="memory", text=f"{who} grows by {slope:.2f} MB a minute"))
        if last.descriptors > first.descriptors + DESCRIPTORS_SLACK:
            faults.append(Fault(kind="descriptors", text=f"{who}: {first.descriptors}, then {last.descriptors}"))
        if last.threads > first.threads + THREADS_SLACK:
            faults.append(Fault(kind="threads", text=f"{who}: {first.threads}, then {last.threads}"))
    return faults, lines

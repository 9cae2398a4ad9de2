"""The judge: what the evidence proves against the engine. No I/O; nothing is assumed that was not seen.

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

from typing import TYPE_CHECKING

from chaos.account import judge_messages
from chaos.case import Case
from chaos.conduct import judge_runs
from chaos.service import judge_service

if TYPE_CHECKING:
    from chaos.evidence import Evidence
    from chaos.verdict import Verdict


def judge(evidence: Evidence) -> Verdict:
    """Account for every message and every run."""
    case = Case(evidence)
    judge_messages(case)
    judge_runs(case)
    judge_service(case)
    case.result.excused = len(case.zombies)
    return case.result

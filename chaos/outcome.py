"""What a run of the tool came to, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.judge import judge
from chaos.report import as_json, as_story, as_table

if TYPE_CHECKING:
    from chaos.evidence import Evidence
    from chaos.verdict import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict as text and as JSON."""

    is_good: bool
    table: str
    story: str = ""
    figures: dict[str, Any] = field(default_factory=dict)  # Any: JSON


def outcome_of(evidence: Evidence, *faults: Fault) -> Outcome:
    """Judge the evidence; `faults` are what else was found in it."""
    verdict = judge(evidence)
    verdict.faults += faults
    return Outcome(
        is_good=verdict.is_good,
        table=as_table(verdict),
        story=as_story(evidence, verdict.faults),
        figures=as_json(evidence, verdict),
    )

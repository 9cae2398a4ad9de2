"""The sections of the engine: what a message counts for, what is kept, how often it is tidied up."""

from collections.abc import Mapping

from pydantic import Field

from okos.settings.section import DAY_S, TEN_YEARS_S, Section

KINDS: Mapping[str, Mapping[str, int]] = {
    "text": {"priority": 0, "cost": 1},
    "photo": {"priority": 0, "cost": 3},
    "sticker": {"priority": 0, "cost": 1},
    "voice": {"priority": 0, "cost": 2},
    "document": {"priority": 0, "cost": 3},
}


class Kind(Section):
    """What a message of one kind counts for: its band (below 0 is sooner) and its share of the rate limit."""

    priority: int = Field(default=0, ge=-100, le=100)
    cost: int = Field(default=1, ge=1, le=1_000_000)


class DoneHistory(Section):
    """How many finished messages are kept to look at, and for how long; whichever is less."""

    count: int = Field(default=1000, ge=0, le=1_000_000)
    age_s: int = Field(default=3600, ge=0, le=TEN_YEARS_S)


class DeadHistory(Section):
    """How many dead letters are kept to look at and to requeue, and for how long; whichever is less."""

    count: int = Field(default=1000, ge=0, le=1_000_000)
    age_s: int = Field(default=604_800, ge=0, le=TEN_YEARS_S)


class Schedule(Section):
    """How often the scheduler sends the maintenance messages."""

    sweep_s: float = Field(default=10, gt=0, le=DAY_S)
    prune_s: float = Field(default=60, gt=0, le=DAY_S)

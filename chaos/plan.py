"""What one storm is made of, and how a seed makes it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.letter import Mix
from chaos.trouble import KINDS, brew

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from chaos.trouble import Trouble


#: A rate: as fast as it goes.
AT_ONCE = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one storm is made of.

    Attributes:
        rate: Messages published a second, until `seconds` have passed or there are `most` of them.
        old: How many of the workers run as an older release: they do not know all actors.
        old_home: Where that release's package is; None: the present one stands for it.
        drain_s: How long all that is left may take afterwards.
        keep_dead: How many dead letters are kept.
        keep_commits: How many acks of a user are kept to be looked at.
        idle_s: How long to watch the workers do nothing before anything is published.
        sample_s: How often to look at what every OS process uses; 0 for never.
        slow_us: The server notes calls that take longer; None for none.
        claims: How many claims the server is to time, from the first on.
        is_held_back: Nothing starts before all is published.
        has_replica: The server has one, and can fail over.
        jobs: How many messages of a user may run at once.
    """

    seed: int
    seconds: float
    troubles: tuple[Trouble, ...] = ()
    mix: Mix = field(default_factory=Mix)
    rate: float = 100
    most: int | None = None
    workers: int = 3
    threads: int = 4
    old: int = 0
    old_home: Path | None = None
    lease_ms: int = 3_000
    grace_ms: int = 2_000
    max_retries: int = 3
    drain_s: float = 120
    keep_dead: int = 1_000_000
    keep_commits: int = 1_000_000
    idle_s: float = 0
    sample_s: float = 0
    slow_us: int | None = None
    claims: int = 0
    is_held_back: bool = False
    has_replica: bool = False
    jobs: int = 1


def plan_of(seed: int, *, seconds: float, kinds: Iterable[str] = KINDS) -> Plan:
    """Make the plan of a seed: what goes wrong, and to how many users, messages and workers."""
    chance = random.Random(f"{seed}:plan")
    users = chance.choice((5, 20, 40, 40, 100))
    # whoever has few users has little to do at once
    rate = min(chance.choice((60, 100, 150)), users * 15)
    return Plan(
        seed=seed,
        seconds=seconds,
        troubles=tuple(brew(seed, seconds=seconds, kinds=kinds)),
        mix=Mix(users=users, burst=chance.choice((1, 8, 8, 20)), most_ms=chance.choice((0, 20, 20))),
        rate=rate,
        workers=chance.choice((2, 3, 3, 4)),
        threads=chance.choice((2, 4, 4, 8)),
        jobs=chance.choice((1, 1, 1, 3)),
    )

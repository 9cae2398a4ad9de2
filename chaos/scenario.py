"""The scenarios, by name: what goes wrong in each, or what it measures.

The common verdict (nothing lost, doubled, reordered, overlapped, wasted or left) holds for all that are storms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chaos.check import punctual, recovered, refused, resumed, unstalled, without_restart
from chaos.cost import crowd, history, idle
from chaos.letter import Mix
from chaos.outcome import Outcome, outcome_of
from chaos.plan import AT_ONCE, Plan
from chaos.promptness import delays, neighbours, prompt, rate, together
from chaos.releases import export_older
from chaos.storm import Say, Storm
from chaos.trouble import Trouble, every
from chaos.turnover import turn_over
from okos.mailbox.store import SOCKET_TIMEOUT_S

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.check import Check

Runnable = Callable[["Path", Say], Outcome]

#: After a failover the queue goes on within this.
FAILOVER_MS = 10_000
#: A stall that is longer than this costs replies.
STALL_S = SOCKET_TIMEOUT_S + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One named run; `what` is said in the help and before it runs."""

    what: str
    run: Runnable


def _storm(plan: Plan, check: Check = lambda _: []) -> Runnable:
    def run(directory: Path, say: Say) -> Outcome:
        evidence = Storm(plan, directory, say).run()
        return outcome_of(evidence, *check(evidence))

    return run


def _releases(directory: Path, say: Say) -> Outcome:
    """Run workers of an older release beside the present ones."""
    home, which = export_older(directory / "older")
    say(f"the older workers: {which}" if home else f"{which}: the present release stands for it")
    # Half of the workers do not know the new actor: with fewer retries one message in some thousands would run out.
    plan = Plan(seed=41, seconds=60, workers=4, old=2, old_home=home, max_retries=40, mix=Mix(unknown=0.2, doomed=0))
    return outcome_of(Storm(plan, directory, say).run())


def _outage(kind: str, at_s: float, lasts_s: float) -> Trouble:
    return Trouble(at_ms=int(at_s * 1000), kind=kind, lasts_ms=int(lasts_s * 1000))


_SLOW = Mix(users=20, slow=0.2, slow_ms=20_000, shaky=0.3, doomed=0, burst=2, later=0)
_DELAYED = Mix(users=100, later=1.0, later_ms=10_000, burst=1, shaky=0, doomed=0, slow=0, is_once=True)

SCENARIOS = {
    "many": Scenario(
        what="500 users, 20,000 messages of 0 to 20 ms, of which one in twenty fails at first",
        run=_storm(Plan(seed=3, seconds=300, mix=Mix(users=500, slow=0, doomed=0, later=0), rate=AT_ONCE, most=20_000)),
    ),
    "kills": Scenario(
        what="kill -9 of a worker every 3 s for 60 s",
        run=_storm(
            Plan(seed=5, seconds=62, lease_ms=1_500, troubles=tuple(every("kill", 3, for_s=60))),
            recovered,
        ),
    ),
    "neighbours": Scenario(what="kill -9 of the worker that runs a user's first message", run=neighbours),
    "outage": Scenario(
        what="the server is down for 30 s while handlers run and some raise",
        run=_storm(
            Plan(seed=9, seconds=45, mix=_SLOW, rate=3, drain_s=300, troubles=(_outage("restart", 8, 30),)),
            without_restart,
        ),
    ),
    "overdue": Scenario(
        what="the server is down when 100 delayed messages are due",
        run=_storm(
            Plan(seed=10, seconds=20, mix=_DELAYED, rate=50, most=100, troubles=(_outage("restart", 3, 12),)), punctual
        ),
    ),
    "crashes": Scenario(
        what="the server is killed every 6 s for 60 s, appendfsync always",
        run=_storm(Plan(seed=11, seconds=62, troubles=tuple(every("restart", 6, for_s=60, lasts_ms=500)))),
    ),
    "full": Scenario(
        what="the server's memory is full for 20 s",
        run=_storm(Plan(seed=12, seconds=35, rate=200, troubles=(_outage("memory", 3, 20),)), refused),
    ),
    "stalls": Scenario(
        what=f"the server stalls for {STALL_S:.0f} s, three times: longer than its clients wait for a reply",
        run=_storm(
            Plan(
                seed=13,
                seconds=62,
                troubles=tuple(every("stall", STALL_S + 4, for_s=3 * (STALL_S + 4), lasts_ms=int(STALL_S * 1000))),
            ),
            without_restart,
        ),
    ),
    "failover": Scenario(
        what="two failovers to a replica: the primary dies, then a planned one that keeps connections open",
        run=_storm(
            Plan(seed=14, seconds=40, has_replica=True, troubles=(_outage("failover", 5, 0), _outage("swap", 22, 0))),
            resumed(FAILOVER_MS),
        ),
    ),
    "scripts": Scenario(
        what="the server forgets its scripts every second for 30 s, and is restarted three times",
        run=_storm(
            Plan(
                seed=15,
                seconds=32,
                troubles=(*every("flush", 1, for_s=30), *every("restart", 9, for_s=30, lasts_ms=1_000)),
            )
        ),
    ),
    "disconnects": Scenario(
        what="all connections are broken every 2 s for 30 s",
        run=_storm(Plan(seed=16, seconds=32, troubles=tuple(every("disconnect", 2, for_s=30))), without_restart),
    ),
    "freezes": Scenario(
        what="a worker is frozen beyond its lease every 6 s for 60 s",
        run=_storm(Plan(seed=17, seconds=66, troubles=tuple(every("freeze", 6, for_s=60, lasts_ms=5_000)))),
    ),
    "marathon": Scenario(
        what="handlers that take more than ten leases",
        run=_storm(
            Plan(
                seed=42,
                seconds=45,
                lease_ms=1_500,
                mix=replace(_SLOW, slow=0.4, shaky=0),
                rate=2,
                threads=8,
                drain_s=300,
            ),
            unstalled,
        ),
    ),
    "releases": Scenario(what="workers of an older release beside the present ones, for a minute", run=_releases),
    "together": Scenario(what="50 users with a message of a second each, on 50 slots", run=together),
    "prompt": Scenario(what="cancels, time limits and burials: how soon each ends, and the next starts", run=prompt),
    "rate": Scenario(what="a rate limit of five in ten seconds, to the millisecond", run=rate),
    "delays": Scenario(what="1,000 messages delayed by 1 to 5 s", run=delays),
    "idle": Scenario(what="60 s idle, then 3 messages a second: round trips, and publish to start", run=idle),
    "crowd": Scenario(what="100,000 users with a message each: what a claim costs, and no key is left", run=crowd),
    "history": Scenario(what="10,000 failures, of which 1,000 are kept", run=history),
    "turnover": Scenario(what="200 starts and stops of a worker in one OS process", run=turn_over),
}

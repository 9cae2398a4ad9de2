"""What goes wrong, and when: from the seed alone, each kind by a dice of its own, so that one kind can be repeated."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that goes wrong.

    Attributes:
        at_ms: From the start of the storm.
        kind: One of KINDS.
        lasts_ms: How long, where it has a length.
        pick: Whom it hits, from 0 to 1.
    """

    at_ms: int
    kind: str
    lasts_ms: int = 0
    pick: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How often a kind of trouble comes, and how long it lasts.

    Attributes:
        every_s: Mean time between two.
        shortest_ms: The shortest and the longest that one lasts.
        of_server: It hits the server: two such do not overlap, and the engine gets time to come back between them.
    """

    what: str
    every_s: float
    shortest_ms: int = 0
    longest_ms: int = 0
    of_server: bool = False


KINDS = {
    "kill": Kind(what="SIGKILL of a worker", every_s=5),
    "master": Kind(what="SIGKILL of a dramatiq master; its worker is an orphan", every_s=15),
    "term": Kind(what="SIGTERM of a dramatiq master", every_s=8),
    "freeze": Kind(
        what="SIGSTOP of a worker beyond its lease, then SIGCONT", every_s=8, shortest_ms=3_500, longest_ms=7_000
    ),
    "cut": Kind(
        what="a worker's connections carry nothing for a while; then it arrives late, or is lost",
        every_s=10,
        shortest_ms=500,
        longest_ms=8_000,
    ),
    "restart": Kind(
        what="kill -9 of the server, started again after a while",
        every_s=15,
        shortest_ms=100,
        longest_ms=4_000,
        of_server=True,
    ),
    "stall": Kind(
        what="SIGSTOP of the server, then SIGCONT", every_s=12, shortest_ms=1_000, longest_ms=8_000, of_server=True
    ),
    "memory": Kind(
        what="the server's maxmemory is reached", every_s=12, shortest_ms=1_000, longest_ms=4_000, of_server=True
    ),
    "disconnect": Kind(what="CLIENT KILL of all connections", every_s=5),
    "flush": Kind(what="SCRIPT FLUSH", every_s=6),
    "exit": Kind(what="a handler that ends its OS process", every_s=10),
    "hang": Kind(what="a handler that hangs in a call of C code", every_s=15),
    "cancel": Kind(what="a message is cancelled", every_s=0.3),
    "clear": Kind(what="all that a mailbox holds is cancelled", every_s=4),
    "pause": Kind(what="a mailbox is paused, then resumed", every_s=3, shortest_ms=300, longest_ms=4_000),
    "pauseall": Kind(what="all mailboxes are paused, then resumed", every_s=20, shortest_ms=300, longest_ms=2_000),
    "requeue": Kind(what="all dead letters are requeued", every_s=6),
}
#: Nothing goes wrong before all workers serve, nor so late that the storm's end hides it.
CALM_MS = 1_000
#: Between two troubles of the server: the engine's grace after an outage, and then some work.
APART_MS = 5_000


def brew(seed: int, *, seconds: float, kinds: Iterable[str] = KINDS) -> list[Trouble]:
    """Make the troubles of a storm, by time."""
    end_ms = int(seconds * 1000) - CALM_MS
    wanted = list(kinds)
    troubles = [trouble for name in wanted if not KINDS[name].of_server for trouble in _many(seed, name, end_ms)]
    troubles += _of_server(seed, [name for name in wanted if KINDS[name].of_server], end_ms)
    return sorted(troubles, key=lambda trouble: trouble.at_ms)


def _many(seed: int, name: str, end_ms: int) -> Iterator[Trouble]:
    kind = KINDS[name]
    chance = random.Random(f"{seed}:{name}")
    # the first comes after half the usual time
    at_ms = CALM_MS + chance.expovariate(1) * kind.every_s * 500
    while at_ms < end_ms:
        lasts_ms = chance.randint(kind.shortest_ms, kind.longest_ms)
        yield Trouble(at_ms=int(at_ms), kind=name, lasts_ms=lasts_ms, pick=chance.random())
        at_ms += lasts_ms + chance.expovariate(1) * kind.every_s * 1000


def _of_server(seed: int, names: Sequence[str], end_ms: int) -> Iterator[Trouble]:
    """One after the other, whichever comes first."""
    chance = random.Random(f"{seed}:server")
    at_ms: float = CALM_MS
    while names:
        name = chance.choice(names)
        kind = KINDS[name]
        lasts_ms = chance.randint(kind.shortest_ms, kind.longest_ms)
        at_ms += chance.expovariate(1) * kind.every_s * 1000 / len(names)
        if at_ms >= end_ms:
            return
        yield Trouble(at_ms=int(at_ms), kind=name, lasts_ms=lasts_ms)
        at_ms += lasts_ms + APART_MS


def every(kind: str, seconds: float, *, for_s: float, lasts_ms: int = 0) -> list[Trouble]:
    """Make the same trouble again and again, hitting one after the other."""
    number = int(for_s / seconds)
    return [
        Trouble(at_ms=int((i + 1) * seconds * 1000), kind=kind, lasts_ms=lasts_ms, pick=(i * 0.37) % 1)
        for i in range(number)
    ]

"""The contestants: their names, and the commands that publish for them and work for them."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workload import Workload

BARE = "bare"
"""Not a contestant: the floor under those with handlers."""

#: What Okos leaves whatever it handled: docs/redis.md, What stays.
FIXED_KEYS = frozenset({"{okos}:engine", "{okos}:counts"})

NODE_DIRECTORY = Path(__file__).parent / "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """What is measured.

    Attributes:
        short: The title where there is little room.
        is_ordered: It promises that messages of one user run one after the other, in their order.
        is_npm: It runs on node, and is there when node and npm are.
    """

    name: str
    title: str
    short: str
    is_ordered: bool
    is_npm: bool = False

    def publish_command(self, workload: Workload) -> list[str]:
        """Return the command that publishes a workload and tells about it as JSON."""
        program = (
            ["node", str(NODE_DIRECTORY / "publisher.mjs")]
            if self.is_npm
            else [sys.executable, "-m", "benchmarks.publisher"]
        )
        return [*program, self.name, workload.encode()]

    def work_commands(self, *, processes: int, threads: int, is_apart: bool) -> list[list[str]]:
        """Return the commands that together run so many worker processes.

        Args:
            processes: How many.
            threads: Handlers at once, in each.
            is_apart: Each process has a `dramatiq` of its own, which ends with it: one that is killed takes no other
                along. Processes of node are always apart.
        """
        if self.is_npm:
            return [["node", str(NODE_DIRECTORY / "worker.mjs"), self.name] for _ in range(processes)]
        shares = [1] * processes if is_apart else [processes]
        return [
            [
                *(sys.executable, "-m", "dramatiq", "benchmarks.worker"),
                *("--processes", str(share), "--threads", str(threads)),
            ]
            for share in shares
        ]


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant(name="stock", title="stock Dramatiq (no order)", short="Dramatiq", is_ordered=False),
        Contestant(name="mutex", title="stock Dramatiq + a mutex per user", short="Dramatiq + mutex", is_ordered=False),
        Contestant(name="bullmq", title="BullMQ (no order)", short="BullMQ", is_ordered=False, is_npm=True),
        Contestant(name="groupmq", title="groupmq (order by group)", short="groupmq", is_ordered=True, is_npm=True),
        Contestant(name="okos", title="Okos (strict order per user)", short="Okos", is_ordered=True),
    )
}

TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS.values()} | {
    BARE: "bare threads, one round trip each"
}

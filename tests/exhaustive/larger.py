"""`python tests/exhaustive/larger.py [NAME …]`: search worlds that are too large for every test run.

A line for each; exit 1 when a promise is broken, with the moves that broke it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from real_server import a_server
from redis import Redis
from search import Machine, search
from world import STEP_MS, Size

#: Two mailboxes with two messages and two claimers each time.
LARGER = {
    "crashes": Size(is_crashing=True),
    "retries": Size(ends=("ack", "retry"), is_crashing=True, jumps_ms=(STEP_MS,)),
    "releases": Size(ends=("ack", "release", "unstarted"), is_renewing=True),
    "cancels": Size(is_cancelling=True, is_cancelling_whole=True, jumps_ms=(STEP_MS,)),
    "pauses": Size(is_pausing=True, jumps_ms=(STEP_MS,)),
    "rate": Size(rate=0.1, ends=("ack", "retry"), jumps_ms=(STEP_MS,)),
    "replies": Size(is_hard_of_hearing=True, jumps_ms=(STEP_MS,)),
    "exchanges": Size(ends=("ack", "retry"), is_exchanging=True, jumps_ms=(STEP_MS,)),
    "lost exchanges": Size(
        mailboxes="A", is_exchanging=True, is_cancelling=True, is_hard_of_hearing=True, is_crashing=True
    ),
    "queues": Size(queues=("q", "p"), ends=("ack", "retry"), is_cancelling=True, jumps_ms=(STEP_MS,)),
    "window": Size(jobs=2, ends=("ack", "retry"), jumps_ms=(STEP_MS,)),
}


def main(names: list[str]) -> int:
    """Search the worlds of these names, or all."""
    is_broken = False
    with a_server() as server, Redis.from_url(server.admin_url) as client:
        for name in names or LARGER:
            began = time.monotonic()
            searched = search(Machine(client), LARGER[name])
            seconds = time.monotonic() - began
            verdict = searched.broken or "holds"
            print(  # noqa: T201 - a command prints
                f"{name:14} {searched.states:8,} states {searched.moves:10,} moves {seconds:6.0f} s  {verdict}",
                flush=True,
            )
            for move in searched.story:
                print(f"               {move}")  # noqa: T201
            is_broken = is_broken or searched.broken is not None
    return int(is_broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

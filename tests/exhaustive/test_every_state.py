"""Every state that small worlds can reach keeps the engine's promises; without one of its fences it does not.

`python tests/exhaustive/larger.py` searches larger worlds, for minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mutant import MUTANTS, Mutant
from real_server import a_server
from redis import Redis
from search import Machine, search
from world import STEP_MS, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL_ENDS = ("ack", "retry", "dead", "release", "unstarted", "defer")

#: Two mailboxes with two messages, two claimers with a hand each, and what may happen beside claim, ack, sweep, a lease
#: that runs out, an outage and the zombies that both make.
WORLDS = {
    "leases, outages and zombies": Size(),
    "every end, crashes and heartbeats": Size(mailboxes="A", ends=ALL_ENDS, is_crashing=True, is_renewing=True),
    "cancels": Size(claimers="X", is_cancelling=True, jumps_ms=(STEP_MS,)),
    "cancels of what zombies hold": Size(mailboxes="A", is_cancelling=True, is_renewing=True),
    "cancels of a whole mailbox": Size(messages=1, is_cancelling=True, is_cancelling_whole=True),
    "pauses": Size(mailboxes="A", is_pausing=True),
    "a rate limit": Size(rate=0.1, ends=("ack", "retry"), claimers="X", jumps_ms=(STEP_MS,)),
    "a rate limit and zombies": Size(mailboxes="A", rate=0.1, is_crashing=True),
    "replies that are lost": Size(messages=1, is_hard_of_hearing=True),
    "replies that are lost while more waits": Size(
        mailboxes="A", is_hard_of_hearing=True, is_cancelling=True, jumps_ms=(STEP_MS,)
    ),
    "settle and claim in one step": Size(
        mailboxes="A", ends=ALL_ENDS, is_exchanging=True, is_hard_of_hearing=True, jumps_ms=(STEP_MS,)
    ),
    "zombies that settle and claim in one step": Size(
        mailboxes="A", is_exchanging=True, is_cancelling=True, is_crashing=True
    ),
    "settle and claim in one step for two mailboxes": Size(is_exchanging=True, jumps_ms=(STEP_MS,)),
    "two queues in one mailbox": Size(
        mailboxes="A", queues=("q", "p"), ends=("ack", "retry"), is_cancelling=True, jumps_ms=(STEP_MS,)
    ),
    "two at a time in one mailbox": Size(mailboxes="A", messages=3, jobs=2, claimers="X", ends=("ack", "retry")),
    "a strict one between others": Size(mailboxes="A", messages=3, jobs=2, strict="2", jumps_ms=(STEP_MS,)),
    "one of more patience": Size(mailboxes="A", patient="1"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[Redis]:
    with a_server() as server, Redis.from_url(server.admin_url) as client:
        yield client


@pytest.mark.parametrize("size", WORLDS.values(), ids=WORLDS)
def test_every_state_of_a_world_keeps_the_promises_and_has_a_way_to_the_end(client: Redis, size: Size) -> None:
    searched = search(Machine(client), size)

    assert searched.broken is None, "\n".join([searched.broken, *searched.story])
    assert searched.states > 100


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_fence_that_is_removed_breaks_a_promise(client: Redis, mutant: Mutant) -> None:
    machine = Machine(client, {mutant.transition: [(mutant.fence, mutant.without)]})

    searched = search(machine, mutant.size)

    assert mutant.found in (searched.broken or "")
    assert searched.story

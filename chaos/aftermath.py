"""After a storm: what the acks left, and what is left for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.evidence import Commit
from chaos.letter import commits_of
from okos.mailbox import MailboxBroker
from okos.middleware import History

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What was cancelled whole is deleted piece by piece.
SWEEPS = 20


def read_commits(broker: MailboxBroker, users: Iterable[str]) -> list[Commit]:
    """Read the stored list of each user: a line for each ack that counted, in the order in which they came."""
    commits = []
    for user in sorted(users):
        for line in broker.read_list(commits_of(user)):
            seq, _, token = line.decode().partition(" ")
            commits.append(Commit(user, int(seq), token))
    return commits


def forget_history(url: str, *, lease_ms: int) -> None:
    """Sweep and prune until only what nothing will ever delete is left."""
    nothing_kept = History(done_count=0, done_age_ms=0, dead_count=0, dead_age_ms=0)
    broker = MailboxBroker(url, lease_ms=lease_ms, middleware=[nothing_kept])
    for _ in range(SWEEPS):
        broker.sweep()
    while broker.prune():
        pass
    broker.close()

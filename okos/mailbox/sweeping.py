"""The sweep: finding what nobody looks after any more. Run by one worker process at a time, or by an operator."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis

    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

log = logging.getLogger(__name__)

#: What one call of the transition finds at most, of each kind.
SWEPT_AT_ONCE = 64


def sweep(
    store: Store, options: EngineOptions, *, process: str, turn_ms: int, client: redis.Redis | None = None
) -> tuple[bool, list[bytes], list[bytes]]:
    """Run the sweep transition once.

    Args:
        store: Where the mailboxes are.
        options: The workers' numbers.
        process: Who sweeps.
        turn_ms: For how long nobody else is to sweep; 0 sweeps whoever else does.
        client: A connection of the caller's own.

    Returns:
        Whether it was this process's turn; what stalled, four values each; what expired, two values each.
    """
    swept, stalled, expired = store.call(
        "sweep",
        process,
        turn_ms,
        options.max_stalls,
        options.history.dead_count,
        options.history.done_age_ms,
        options.history.dead_age_ms,
        options.lease_ms,
        client=client,
    )
    return bool(swept), stalled, expired


def report(stalled: list[bytes], expired: list[bytes]) -> None:
    """Log what a sweep found."""
    for start in range(0, len(stalled), 4):
        message_id, mailbox, worker, what = (value.decode() for value in stalled[start : start + 4])
        if what == "dead":
            log.error("message %s (mailbox %s) stalled in process %s and is given up", message_id, mailbox, worker)
        elif what == "cancelled":
            log.info("message %s (mailbox %s) is cancelled; process %s did not stop it", message_id, mailbox, worker)
        else:
            log.warning(
                "message %s (mailbox %s) stalled in process %s and will run again",
                message_id,
                mailbox,
                worker,
            )
    for start in range(0, len(expired), 2):
        message_id, mailbox = (value.decode() for value in expired[start : start + 2])
        log.info("message %s (mailbox %s) expired and is cancelled", message_id, mailbox)

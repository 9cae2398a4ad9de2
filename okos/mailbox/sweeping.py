"""The sweep: finding what nobody looks after any more. Run by one worker process at a time, or by an operator."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from okos.mailbox.reading import shown

if TYPE_CHECKING:
    import redis

    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

log = logging.getLogger(__name__)


def sweep(
    store: Store, options: EngineOptions, *, process: str, turn_ms: int, client: redis.Redis | None = None
) -> tuple[bool, list[bytes], list[bytes], bool]:
    """Run the sweep transition once.

    Args:
        store: Where the mailboxes are.
        options: The workers' numbers.
        process: Who sweeps.
        turn_ms: For how long nobody else is to sweep; 0 sweeps whoever else does.
        client: A connection of the caller's own.

    Returns:
        Whether it was this process's turn; what stalled, four values each; what expired, two values each; whether there
        is more to find at once, for one call finds a bounded number.
    """
    swept, stalled, expired, is_more = store.call(
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
    return bool(swept), stalled, expired, bool(is_more)


def report(stalled: list[bytes], expired: list[bytes]) -> None:
    """Log what a sweep found."""
    for start in range(0, len(stalled), 4):
        *of_whom, what = (shown(value) for value in stalled[start : start + 4])
        message_id, mailbox, _ = of_whom
        named = {"message_id": message_id, "mailbox": mailbox}
        if what == "dead":
            log.error("message %s (mailbox %s) stalled in process %s and is given up", *of_whom, extra=named)
        elif what == "cancelled":
            log.info("message %s (mailbox %s) is cancelled; process %s did not stop it", *of_whom, extra=named)
        else:
            log.warning("message %s (mailbox %s) stalled in process %s and will run again", *of_whom, extra=named)
    for start in range(0, len(expired), 2):
        message_id, mailbox = (shown(value) for value in expired[start : start + 2])
        named = {"message_id": message_id, "mailbox": mailbox}
        log.info("message %s (mailbox %s) expired and is cancelled", message_id, mailbox, extra=named)

"""Every change that an operator makes, done and then written into the audit log.

The entry comes after the deed, so that it says what came of it; should the store go away between the two, the deed is
done and the caller is told that it is not written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.operate.privacy import erase

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from okos.mailbox import MailboxBroker, Which
    from okos.operate.privacy import Kept

EVERYTHING = "everything"

#: So many ids are named in an entry; of more, how many there were.
_NAMED = 5


class Desk:
    """Where somebody acts.

    Every method raises StoreUnavailable when the server does not answer.

    Args:
        broker: What is acted on; no worker has to be alive.
        who: Who acts, as the audit log names them.
    """

    def __init__(self, broker: MailboxBroker, who: str) -> None:
        self._broker = broker
        self._who = who

    def cancel(self, message_id: str) -> str:
        """Cancel one message: 'cancelled' (it waited), 'flagged' (it runs and is being stopped) or 'ended'."""
        outcome = self._broker.cancel(message_id, reason=f"cancelled by {self._who}")
        self._note("cancel", message_id, outcome)
        return outcome

    def cancel_mailbox(self, key: str) -> tuple[int, int]:
        """Cancel all of a mailbox but what is delayed: how many waited, and how many are being stopped."""
        cancelled, flagged = self._broker.cancel_mailbox(key, reason=f"cancelled by {self._who}")
        self._note("cancel mailbox", key, f"{cancelled} cancelled, {flagged} being stopped")
        return cancelled, flagged

    def pause(self, key: str | None) -> bool:
        """Start nothing of a mailbox (None: nothing at all) until it is resumed; False if it was paused already."""
        changed = self._broker.pause(key)
        self._note("pause", key or EVERYTHING, "paused" if changed else "was paused")
        return changed

    def resume(self, key: str | None) -> bool:
        """Let a mailbox (None: all) go on; False if it was not paused."""
        changed = self._broker.resume(key)
        self._note("resume", key or EVERYTHING, "goes on" if changed else "was not paused")
        return changed

    def limit(
        self,
        key: str,
        *,
        max_jobs_per_user: int | None = None,
        jobs_per_second: float | None = None,
        burst: int | None = None,
    ) -> None:
        """Give one mailbox limits of its own; what is None is as everybody's, and all None takes them away."""
        self._broker.limit(key, max_jobs_per_user=max_jobs_per_user, jobs_per_second=jobs_per_second, burst=burst)
        given = {"max_jobs_per_user": max_jobs_per_user, "jobs_per_second": jobs_per_second, "burst": burst}
        own = ", ".join(f"{name} {value:g}" for name, value in given.items() if value is not None)
        self._note("limit", key, own or "as everybody's")

    def requeue(self, message_ids: Iterable[str]) -> int:
        """Give dead letters another life, at the tail of their mailboxes; returns how many there were."""
        wanted = list(message_ids)
        count = self._broker.requeue(wanted)
        self._note("requeue", _named(wanted), f"{count} requeued")
        return count

    def requeue_all(self, **which: Unpack[Which]) -> int:
        """Requeue every dead letter that fits, oldest first; returns how many."""
        count = self._broker.requeue_all(**which)
        self._note("requeue all", _which(which), f"{count} requeued")
        return count

    def discard(self, message_ids: Iterable[str]) -> int:
        """Delete dead letters for good; returns how many there were."""
        wanted = list(message_ids)
        count = self._broker.discard(wanted)
        self._note("delete", _named(wanted), f"{count} deleted")
        return count

    def discard_all(self, **which: Unpack[Which]) -> int:
        """Delete every dead letter that fits, for good; returns how many."""
        count = self._broker.discard_all(**which)
        self._note("delete all", _which(which), f"{count} deleted")
        return count

    def erase(self, key: str) -> Kept:
        """Erase what is kept of a mailbox; returns what there was."""
        kept = erase(self._broker, key)
        self._note("erase", key, str(kept))
        return kept

    def _note(self, action: str, target: str, outcome: str) -> None:
        self._broker.note(self._who, action, target, outcome)


def _which(which: Which) -> str:
    return ", ".join(f"{name} {value}" for name, value in which.items() if value is not None) or EVERYTHING


def _named(message_ids: list[str]) -> str:
    if len(message_ids) <= _NAMED:
        return ", ".join(message_ids)
    return f"{', '.join(message_ids[:_NAMED])} and {len(message_ids) - _NAMED} more"

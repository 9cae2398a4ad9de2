"""What an operator changes in the engine, from any process: cancel, pause, limit, requeue, sweep. `Observing` looks.

Everything is one transition, or a loop of bounded ones. Nothing here needs a worker to be alive.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from okos.mailbox.errors import BadMessage
from okos.mailbox.fitness import Finding, examine
from okos.mailbox.observing import Observing
from okos.mailbox.stats import read_stats
from okos.mailbox.sweeping import report
from okos.mailbox.sweeping import sweep as run_sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dramatiq

    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

#: Dead letters requeued or deleted, and history pruned, in one call.
REQUEUE_AT_ONCE = 100
PRUNE_AT_ONCE = 1000


class Operations(Observing):
    """The operator's half of `MailboxBroker`.

    Every method raises StoreUnavailable when the server does not answer.
    """

    store: Store

    def options_now(self) -> EngineOptions:
        """Return the options in force in this OS process."""
        raise NotImplementedError

    def ping(self) -> None:
        """Ask the server for an answer."""
        self.store.ping()

    def check(self) -> list[Finding]:
        """Look whether the server is fit to keep messages; returns what is not well or could not be seen."""
        return examine(self.store)

    # -- changing ----------------------------------------------------------------------------------------------------

    def cancel(self, message_id: str, *, reason: str = "cancelled") -> str:
        """Cancel one message.

        Returns:
            'cancelled': it waited and is gone. 'flagged': it runs; it is being stopped and ends as cancelled, whatever
            it comes to. 'ended': it had ended, or was never there.
        """
        outcome: bytes = self.store.call("cancel", message_id, reason)
        return outcome.decode()

    def cancel_mailbox(self, key: str, *, reason: str = "cancelled") -> tuple[int, int]:
        """Cancel all of a mailbox but what is delayed; returns how many waited and how many are being stopped."""
        cancelled, flagged = self.store.call("cancel_mailbox", key, reason)
        return int(cancelled), int(flagged)

    def replace(self, message: dramatiq.Message[object]) -> bool:
        """Give a message that has never started another content (the same id); False if it is too late."""
        if message.options.get("on_dead") is not None:
            raise BadMessage("a replacement keeps the on_dead of the message that it replaces")
        return bool(self.store.call("replace", message.message_id, message.encode()))

    def pause(self, key: str | None = None) -> bool:
        """Start nothing of a mailbox (None: nothing at all) until `resume`. False if it was paused already."""
        return bool(self.store.call("pause", key or "", "pause"))

    def resume(self, key: str | None = None) -> bool:
        """Let a mailbox (None: all) go on; False if it was not paused."""
        changed = bool(self.store.call("pause", key or "", "resume"))
        if key is None:
            # of all that are listed: after an outage none may have given a fresh sign of life yet
            workers = read_stats(self.store.call("stats"))[1]
            self.store.ring_all({queue for worker in workers for queue in worker.queues})
        return changed

    def limit(
        self,
        key: str | None,
        *,
        max_jobs_per_user: int | None = None,
        jobs_per_second: float | None = None,
        burst: int | None = None,
    ) -> None:
        """Give one mailbox limits of its own, from the next start on; what is None is as everybody's.

        All None takes its own ones away; `jobs_per_second` 0 is no limit. With `key` None it changes everybody's, until
        a worker starts and writes its settings.
        """
        if max_jobs_per_user is not None and max_jobs_per_user < 1:
            raise BadMessage(f"max_jobs_per_user must be at least 1, not {max_jobs_per_user}")
        if burst is not None and burst < 1:
            raise BadMessage(f"burst must be at least 1, not {burst}")
        if jobs_per_second is not None and jobs_per_second < 0:
            raise BadMessage(f"jobs_per_second must not be negative, not {jobs_per_second}")
        values = ["" if value is None else value for value in (max_jobs_per_user, jobs_per_second, burst)]
        self.store.call("limit", key or "", *values, "", "")

    def requeue(self, message_ids: Iterable[str]) -> int:
        """Give dead letters another life, at the tail of their mailboxes; returns how many. Asked twice, done once."""
        wanted, requeued = list(message_ids), 0
        for start in range(0, len(wanted), REQUEUE_AT_ONCE):
            requeued += int(self.store.call("requeue", *wanted[start : start + REQUEUE_AT_ONCE]))
        return requeued

    def requeue_all(
        self,
        *,
        mailbox: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        error: str | None = None,
        actor: str | None = None,
    ) -> int:
        """Requeue every dead letter there is now, oldest first, or those that `failed` would show; returns how many."""
        letters = self.failed(
            mailbox=mailbox,
            since_ms=since_ms,
            until_ms=until_ms,
            error=error,
            actor=actor,
            limit=self.stats().dead,
        )
        return self.requeue(letter.id for letter in reversed(letters))

    def discard(self, message_ids: Iterable[str]) -> int:
        """Delete dead letters for good; returns how many. Asked twice, done once."""
        wanted, discarded = list(message_ids), 0
        for start in range(0, len(wanted), REQUEUE_AT_ONCE):
            discarded += int(self.store.call("discard", *wanted[start : start + REQUEUE_AT_ONCE]))
        return discarded

    def note(self, who: str, action: str, target: str, outcome: str) -> None:
        """Write into the audit log that somebody changed something; `okos.operate.Desk` does both."""
        said = {"who": who[:200], "action": action[:200], "target": target[:600], "outcome": outcome[:200]}
        self.store.call("audit", json.dumps(said))

    # -- maintenance -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Look for stalled, due and expired messages now, whoever else does."""
        _, stalled, expired = run_sweep(self.store, self.options_now(), process="operator", turn_ms=0)
        report(stalled, expired)

    def prune(self) -> int:
        """Delete history that is older than it is kept for, up to a bound; returns how many messages went."""
        history = self.options_now().history
        done, dead = self.store.call("prune", history.done_age_ms, history.dead_age_ms, PRUNE_AT_ONCE)
        return int(done) + int(dead)

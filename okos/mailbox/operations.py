"""What an operator changes in the engine, from any process: cancel, pause, limit, requeue, sweep. `Observing` looks.

Everything is one transition, or a loop of bounded ones. Nothing here needs a worker to be alive.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from okos.mailbox.errors import BadMessage, LeaseLost, StoreUnavailable, WrongSchema
from okos.mailbox.fitness import Finding, examine
from okos.mailbox.observing import Observing
from okos.mailbox.policy import wrong_limit
from okos.mailbox.publication import ALONE, name, prepare
from okos.mailbox.reading import encodable
from okos.mailbox.stats import read_stats
from okos.mailbox.sweeping import report
from okos.mailbox.sweeping import sweep as run_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    import dramatiq

    from okos.mailbox.look import Which
    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

log = logging.getLogger(__name__)

#: Dead letters requeued or deleted, and history pruned, in one call.
LETTERS_AT_ONCE = 100
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

    def require_schema(self) -> None:
        """Look whether this release may touch what is stored: for a process that starts.

        A server that does not answer now is asked again before the first message.

        Raises:
            WrongSchema: It must not.
        """
        try:
            self.store.require_schema()
        except WrongSchema:
            raise
        except StoreUnavailable as error:
            log.debug("the schema is looked at later: %s", error)

    # -- changing ----------------------------------------------------------------------------------------------------

    def cancel(self, message_id: str, *, reason: str = "cancelled") -> str:
        """Cancel one message; with one that was merged into another, that one and all of it.

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

    def replace(self, message: dramatiq.Message[object], *, hold_ms: int | None = None, unless: str = "") -> str:
        """Give a message that has never started another content (the same id).

        Args:
            message: With the new content.
            hold_ms: How long it waits in its place from now, in the same transition; None: as it did.
            unless: It waits as it did if the content that is replaced has this text.

        Returns:
            'replaced', 'held' (that, and it waits so long now), or '' if it is too late.

        Raises:
            BadMessage: It could not be published so, or is for another queue than the one that it replaces.
        """
        if message.options.get("on_dead") is not None:
            raise BadMessage("a replacement keeps the on_dead of the message that it replaces")
        publication = prepare(message)
        replaced = self.message(publication.id)
        if replaced is None:
            return ""
        if replaced.queue and replaced.queue != publication.queue:
            raise BadMessage(
                f"message {publication.id} is in queue {replaced.queue!r} and stays there: "
                f"its replacement cannot be for queue {publication.queue!r}"
            )
        wait_ms = "" if hold_ms is None else max(0, hold_ms)
        outcome = int(self.store.call("replace", publication.id, publication.body, wait_ms, unless))
        return ("", "replaced", "held")[outcome]

    def pause(self, key: str | None = None) -> bool:
        """Start nothing of a mailbox (None: nothing at all) until `resume`. False if it was paused already.

        Raises:
            BadMessage: The key is empty (this goes for `resume` and `limit`, too), or none that a mailbox can have.
        """
        return bool(self.store.call("pause", _checked(key), "pause"))

    def resume(self, key: str | None = None) -> bool:
        """Let a mailbox (None: all) go on; False if it was not paused."""
        queues: set[str] = set()
        if key is None:
            # of all that are listed: after an outage none may have given a fresh sign of life yet
            workers = read_stats(self.store.call("stats"))[1]
            queues = {queue for worker in workers for queue in worker.queues}
        return bool(self.store.call("pause", _one_or_all(key), "resume", *queues))

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

        Raises:
            BadMessage: A limit is out of its bounds (`okos.mailbox.policy.LIMITS`), or the key as with `pause`.
        """
        given = {"max_jobs_per_user": max_jobs_per_user, "jobs_per_second": jobs_per_second, "burst": burst}
        for limit, value in given.items():
            if value is not None and (wrong := wrong_limit(limit, value)):
                raise BadMessage(f"{wrong}, not {value!r:.40}")
        # what has a key that none can have is taken away all the same
        whose = _one_or_all(key) if set(given.values()) == {None} else _checked(key)
        self.store.call("limit", whose, *("" if value is None else value for value in given.values()), "", "")

    def requeue(self, message_ids: Iterable[str]) -> int:
        """Give dead letters another life, at the tail of their mailboxes; returns how many. Asked twice, done once."""
        return self._in_pieces(message_ids, "requeue")

    def requeue_all(self, **which: Unpack[Which]) -> int:
        """Requeue every dead letter there is now, oldest first, or those that `failed` would show; returns how many."""
        letters = self.failed(limit=self.stats().dead, **which)
        return self.requeue(letter.id for letter in reversed(letters))

    def discard(self, message_ids: Iterable[str]) -> int:
        """Delete dead letters for good; returns how many. Asked twice, done once."""
        return self._in_pieces(message_ids, "discard", "dead")

    def discard_all(self, **which: Unpack[Which]) -> int:
        """Delete every dead letter there is now, or those that `failed` would show, for good; returns how many."""
        return self.discard(letter.id for letter in self.failed(limit=self.stats().dead, **which))

    def discard_done(self, fits: Callable[[str], bool]) -> int:
        """Delete what is kept of completed messages whose mailbox fits; returns of how many."""
        return self._in_pieces(self.done(fits), "discard", "done")

    def _in_pieces(self, message_ids: Iterable[str], transition: str, *arguments: str) -> int:
        wanted, changed = list(message_ids), 0
        for start in range(0, len(wanted), LETTERS_AT_ONCE):
            changed += int(self.store.call(transition, *arguments, *wanted[start : start + LETTERS_AT_ONCE]))
        return changed

    def note(self, who: str, action: str, target: str, outcome: str, *, is_visit: bool = False) -> None:
        """Write into the audit log that somebody changed something; `okos.operate.Desk` does both.

        Args:
            who: Who did it.
            action: What was done.
            target: To what.
            outcome: What came of it; never what somebody wrote, never a secret.
            is_visit: It changed nothing: somebody came, went, guessed or talked. The last thousand of these are kept
                beside the last thousand changes.
        """
        said = {"who": who[:200], "action": action[:200], "target": target[:600], "outcome": outcome[:200]}
        line = json.dumps({field: encodable(value) for field, value in said.items()})
        self.store.call("audit", line, int(is_visit))

    # -- maintenance -------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Look for stalled, due and expired messages now, whoever else does."""
        _, stalled, expired, _ = run_sweep(self.store, self.options_now(), process="operator", turn_ms=0)
        report(stalled, expired)

    def take_back(self, process: str, *, lease: tuple[str, str]) -> int:
        """Take back at once what a process holds that is gone, before its leases run out; returns how many.

        For a successor: what can be done by one process alone is done by the holder of a lease, so whoever held it
        before is dead, or does no more. What that one held starts again, first in its mailbox, as if it had stalled;
        should it only have slept, its tokens count no more. By the numbers of this broker.

        Args:
            process: Its `process_id`.
            lease: Its name, and its holder now: the caller.

        Raises:
            LeaseLost: The lease is another's; nothing more was taken back.
        """
        options, position, taken = self.options_now(), 0, 0
        while position >= 0:
            reply = self.store.call(
                "take_back", process, *lease, options.max_stalls, options.history.dead_count, position
            )
            if reply == 0:
                raise LeaseLost(f"the lease {lease[0]!r} is another's; what {process} held is left to the sweep")
            position = reply[0]
            report(reply[1], [])
            taken += len(reply[1]) // 4
        return taken

    def prune(self) -> int:
        """Delete history that is older than it is kept for, up to a bound; returns how many messages went."""
        history = self.options_now().history
        done, dead = self.store.call("prune", history.done_age_ms, history.dead_age_ms, PRUNE_AT_ONCE)
        return int(done) + int(dead)


def _checked(key: str | None) -> str:
    """Name a mailbox that may be, or all of them."""
    whose = _one_or_all(key)
    # of a message without a mailbox it is its id behind the mark
    name("mailbox", whose.removeprefix(ALONE))
    return whose


def _one_or_all(key: str | None) -> str:
    """Name a mailbox to the server, to which an empty one means all."""
    if key == "":
        raise BadMessage("a mailbox's key is not empty; None, and nothing else, means all of them")
    return key or ""

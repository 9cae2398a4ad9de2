"""What is measured of each attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dramatiq.middleware import Middleware

from okos.mailbox import decision
from okos.mailbox.cancels import Cancelled
from okos.mailbox.consumer import name_error
from okos.mailbox.delivery import Delivery
from okos.mailbox.meter import OTHER, Failure, Meter

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dramatiq
    from dramatiq import Broker
    from dramatiq.broker import MessageProxy

#: Of an error, this much is kept with the attempt; the last one's is kept whole, with its traceback, until it ends.
ERROR_CHARACTERS = 300

_OUTCOMES = {
    decision.Ack: "ok",
    decision.Retry: "retry",
    decision.Dead: "dead",
    decision.Release: "released",
    decision.Defer: "deferred",
}


#: Ends of attempts that are not counted as such.
_NOT_COUNTED = ("deferred", "released")


class Metrics(Middleware):
    """Measures how long messages wait and run and how they end; the engine's heartbeat writes it. See `Meter`.

    It belongs in front of Retry in the list: it wants to know what that decided.

    Args:
        quiet: Beginnings of names of queues whose messages count for their actor alone, not for all.
        watched: Queues that no worker serves, and whose oldest waiting message is of interest.
    """

    def __init__(self, *, quiet: Iterable[str] = (), watched: Iterable[str] = ()) -> None:
        self.meter = Meter()
        self.watched = tuple(watched)
        self._quiet = tuple(quiet)

    def before_enqueue(
        self, broker: Broker, message: dramatiq.Message[Any], delay: int | None
    ) -> None:  # Any: Dramatiq's
        """Mark what is delayed: its wait is wanted, and says nothing."""
        del broker
        if delay:
            message.options["delayed"] = True

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Count an attempt, as it was decided about."""
        del result
        # one that was given up has been counted when it was
        if isinstance(message, Delivery) and not message.abandoned:
            self._count(broker, message, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Count an attempt that a middleware skipped."""
        if isinstance(message, Delivery) and not message.abandoned:
            self._count(broker, message, None)

    def _count(self, broker: Broker, message: Delivery, exception: BaseException | None) -> None:
        started_at, now = message.started_at, time.monotonic()
        run_ms = None if started_at is None else round((now - started_at) * 1000)
        claimed, options = message.claimed, message.options
        is_held = options.get("hold") or options.get("delayed")
        exception = exception or message.refused
        outcome = outcome_of(message, exception)
        # what is put off or given back starts as its first attempt again, and has waited until then
        is_first = claimed.attempt == 1 and outcome not in _NOT_COUNTED and not claimed.epoch and not is_held
        self.meter.attempt(
            message.actor_name if message.actor_name in broker.actors else OTHER,
            outcome=outcome,
            wait_ms=claimed.waited_ms if is_first else None,
            run_ms=run_ms,
            is_quiet=bool(options.get("housekeeping")) or message.queue_name.startswith(self._quiet),
        )
        if outcome != "ok":
            error = "" if exception is None else name_error(exception)[:ERROR_CHARACTERS]
            self.meter.failed(Failure(claimed.id, claimed.attempt, outcome, run_ms or 0, now, error))


def outcome_of(message: Delivery, exception: BaseException | None) -> str:
    """Name how an attempt ended: ok, retry, dead, cancelled, released or deferred."""
    if message.interrupted_by is Cancelled:
        return "cancelled"
    if message.decision is None:
        # the engine runs again what nobody judged
        return "dead" if message.failed else "ok" if exception is None else "retry"
    return _OUTCOMES[type(message.decision)]

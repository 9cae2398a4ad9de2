"""The engine's own two places in the middleware list: the first hook and the last one around a run.

`Lifecycle` stands first: it boots and stops the engine with Dramatiq's worker. `RunBoundary` stands last, next to the
actor: it opens the run that effects are collected in, and closes the door to interrupts the moment the actor is done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dramatiq.middleware import Middleware, Shutdown, SkipMessage

from okos.mailbox.cancels import Cancelled
from okos.mailbox.decision import Defer, Postpone, Release
from okos.mailbox.delivery import Delivery, enter
from okos.mailbox.heartbeat import TokenLost

if TYPE_CHECKING:
    from dramatiq import Broker, Worker
    from dramatiq.broker import MessageProxy

    from okos.mailbox.broker import MailboxBroker

log = logging.getLogger(__name__)


class GivenBack(SkipMessage):
    """This process has given the message back, or given it up: it must not start here."""


class Lifecycle(Middleware):
    """Boots and stops the engine with Dramatiq's worker, and sees each message first."""

    def __init__(self, owner: MailboxBroker) -> None:
        self._owner = owner

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Learn how many threads there are, before the first consumer comes."""
        del broker
        self._owner.boot(worker)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Note who has the message, before anybody's hook can keep it; no hook runs for what was given back."""
        if isinstance(message, Delivery):
            message.time_limit_ms = self._owner.time_limit_ms(broker, message)
            if not message.take():
                raise GivenBack(f"message {message.message_id} is not this process's any more")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Stop claiming at once, let running handlers end within the grace, give back the rest."""
        del broker, worker
        self._owner.drain()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Write what has ended and stop the engine's threads; then make a fresh start, if that is what it was for.

        Called last of all hooks: nothing of this worker runs any more but threads that hang.
        """
        del broker, worker
        seat = self._owner.stop_engine()
        if seat is not None:
            self._owner.close()
            seat.replace()


class RunBoundary(Middleware):
    """Opens and closes a run, on the thread that runs it."""

    def __init__(self, owner: MailboxBroker) -> None:
        self._owner = owner

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Open the run just before the actor starts."""
        if isinstance(message, Delivery):
            message.time_limit_ms = self._owner.time_limit_ms(broker, message)  # a hook may have changed it
            enter(message)
            if not message.begin():
                # if nobody has decided yet; also ends one that was cancelled
                message.decision = message.decision or Release(started=False)
                raise GivenBack(f"message {message.message_id} is not this process's any more")

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Close the run before any other middleware sees its end."""
        del broker, result
        if isinstance(message, Delivery):
            message.end()
            if isinstance(exception, Postpone):
                message.decision = Defer(exception.delay_ms)
                log.info("message %s runs again in %d ms, as its handler asked", message.message_id, exception.delay_ms)
            elif exception is not None and message.interrupted_by in (Shutdown, TokenLost, Cancelled):
                message.decision = Release()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Close a run that a middleware skipped."""
        del broker
        if isinstance(message, Delivery):
            message.end()

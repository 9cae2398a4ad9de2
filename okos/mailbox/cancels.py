"""The thread that hears which running messages are to be cancelled.

A cancel may be heard before the claim's reply has been read: the last ones are remembered. One that is not heard at all
(pub/sub promises nothing) comes with the next heartbeat.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from dramatiq.middleware import Interrupt

from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.reading import kept
from okos.mailbox.store import translated

if TYPE_CHECKING:
    import redis

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.engine import Engine

log = logging.getLogger(__name__)

REMEMBERED = 1024
QUIET_S = 60.0
PAUSE_S = 0.5


class Cancelled(Interrupt):
    """Raised in a handler whose message was cancelled; in a coroutine, as its cancellation."""


class Cancels(threading.Thread):
    """See the module. Started and closed by the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="okos-cancels", daemon=True)
        self._engine = engine
        self._client: redis.Redis = engine.store.another_connection(socket_timeout_s=QUIET_S + 5)
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the wait for the next cancel."""
        self._client.connection_pool.disconnect(inuse_connections=True)

    def cancel(self, message_id: str) -> None:
        """Stop this message's handler, if it runs or is about to run here."""
        with self._lock:
            self._recent[message_id] = None
            if len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        for delivery in self._engine.holdings.snapshot():
            if delivery.claimed.id == message_id:
                self._interrupt(delivery)

    def check(self, delivery: Delivery) -> None:
        """Cancel a message that was just claimed, if its cancel was heard before."""
        with self._lock:
            known = self._recent.pop(delivery.claimed.id, "") is None
        if known:
            self._interrupt(delivery)

    def _interrupt(self, delivery: Delivery) -> None:
        delivery.cancelled = True
        if delivery.interrupt(Cancelled):
            claimed = delivery.claimed
            log.info("message %s (mailbox %s) is cancelled", claimed.id, claimed.mailbox, extra=delivery.named())

    def run(self) -> None:
        """Serve until the engine is closed."""
        engine = self._engine
        while not engine.closed.is_set():
            try:
                with translated():
                    pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py's
                    pubsub.subscribe(engine.store.key("cancels"))
                    while not engine.closed.is_set():
                        message = pubsub.get_message(timeout=QUIET_S)
                        if message is not None:
                            self.cancel(kept(message["data"]))
            except StoreUnavailable:
                engine.closed.wait(PAUSE_S)
            except Exception:
                if not engine.closed.wait(PAUSE_S):
                    log.exception("the listener for cancels met an error that it does not know; it goes on")

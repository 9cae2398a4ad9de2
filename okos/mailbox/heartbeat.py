"""The thread that keeps a worker's OS process alive in the eyes of the others, and looks after the dead.

It depends on nothing that could wait for a message: not on fetching, not on the pump. It renews every held token,
sweeps when it is this process's turn, stops handlers whose token was lost, and replaces worker threads that died. With
each renewal it writes what was measured, and who sweeps writes the history.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from dramatiq.middleware import Interrupt, TimeLimitExceeded

from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.measuring import measure, sample
from okos.mailbox.reading import kept
from okos.mailbox.sweeping import report, sweep

if TYPE_CHECKING:
    import redis

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.engine import Engine
    from okos.mailbox.store import Argument

log = logging.getLogger(__name__)

#: Tokens renewed in one call.
CHUNK = 256
PAUSE_S = 0.25
#: How often running handlers are held against their time limits.
LOOK_S = 0.5
#: After an interrupt a handler gets this long to clean up; then it hangs in a call that cannot be interrupted, and the
#: process goes on without it.
CLEAN_UP_S = 3.0


class TokenLost(Interrupt):
    """Raised in a handler whose message was given to another process: nothing it does counts any more."""


class Heartbeat(threading.Thread):
    """See the module. Started and closed by the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="okos-heartbeat", daemon=True)
        self._engine = engine
        timeout_s = max(0.5, min(5.0, engine.options.lease_ms / 3000))
        self._client: redis.Redis = engine.store.another_connection(socket_timeout_s=timeout_s)
        self._sweeps = not engine.options.client

    def run(self) -> None:
        """Serve until the engine is closed."""
        engine = self._engine
        renew_at = sweep_at = measure_at = 0.0
        while not engine.closed.is_set():
            now = time.monotonic()
            try:
                self._enforce_time_limits()  # also while the server cannot be reached
                engine.recycle(now)
                if now >= renew_at:
                    self._renew()
                    self._replace_dead_threads()
                    renew_at = now + engine.options.renew_ms / 1000
                if self._sweeps and now >= sweep_at:
                    is_all = self.sweep()
                    sweep_at = now + (engine.options.sweep_ms / 1000 if is_all else 0)
                if now >= measure_at:
                    measure_at = now + engine.options.renew_ms / 1000
                    self._write_measures()
            except StoreUnavailable as error:
                log.debug("heartbeat: %s", error)
                engine.closed.wait(PAUSE_S)
                continue
            except Exception:
                log.exception("the heartbeat met an error that it does not know; it goes on")
                engine.closed.wait(PAUSE_S)
                continue
            until = min(renew_at, now + LOOK_S)
            if self._sweeps:
                until = min(until, sweep_at)
            engine.closed.wait(max(0.01, until - time.monotonic()))

    def _renew(self) -> None:
        engine = self._engine
        held = [delivery for delivery in engine.holdings.snapshot() if not delivery.lost]
        for start in range(0, max(1, len(held)), CHUNK):
            chunk = held[start : start + CHUNK]
            argv: list[Argument] = [engine.id, engine.options.lease_ms, engine.describe(), len(chunk)]
            for delivery in chunk:
                argv += [delivery.claimed.id, delivery.claimed.token]
            sent_at = time.monotonic()
            somebody_sweeps, lost, cancelled = engine.store.call("renew", *argv, client=self._client)
            for message_id in cancelled:
                engine.cancels.cancel(kept(message_id))
            # While another process sweeps, this one asks again only with its next heartbeat.
            self._sweeps = self._sweeps or not (somebody_sweeps or engine.options.client)
            gone = {kept(message_id) for message_id in lost}
            for delivery in chunk:
                if delivery.claimed.id in gone:
                    self._lose(delivery)
                else:
                    delivery.deadline = sent_at + engine.options.lease_ms / 1000

    def _write_measures(self) -> None:
        engine = self._engine
        metrics = engine.metrics()
        if metrics is None:
            return
        measure(engine.store, metrics.meter, process=engine.id, client=self._client)
        if self._sweeps:
            sample(engine.store, metrics.watched, client=self._client)

    def _lose(self, delivery: Delivery) -> None:
        if delivery.ended or delivery not in self._engine.holdings.snapshot():
            return  # its settle is under way or done: that is how its token went
        delivery.lost = True
        log.warning(
            "message %s (mailbox %s): its lease was lost; its handler is stopped",
            delivery.claimed.id,
            delivery.claimed.mailbox,
            extra=delivery.named(),
        )
        delivery.interrupt(TokenLost)

    def sweep(self) -> bool:
        """Sweep if no other process does; remembers whether it is this one's turn. False when there is more to find."""
        engine = self._engine
        turn_ms = engine.options.sweep_ms * 5 // 2
        swept, stalled, expired, is_more = sweep(
            engine.store, engine.options, process=engine.id, turn_ms=turn_ms, client=self._client
        )
        self._sweeps = swept
        report(stalled, expired)
        if stalled or expired:
            engine.pump.wake()  # the bell for what they free may have been given to a process that is frozen
        return not is_more

    def _enforce_time_limits(self) -> None:
        """Interrupt what runs too long; give up what does not react, whatever it was interrupted for.

        A hook before or after the handler has as long as the handler, and is not interrupted: it is only given up.
        """
        engine = self._engine
        now = time.monotonic()
        for delivery in engine.holdings.snapshot():
            if delivery.taken_at is None or delivery.ended:
                continue
            started_at = delivery.started_at
            over_at = (started_at or delivery.taken_at) + delivery.time_limit_ms / 1000
            if delivery.interrupted_at is None and now >= over_at and delivery.interrupt(TimeLimitExceeded):
                log.warning(
                    "message %s (mailbox %s) ran longer than %.0f ms and is interrupted",
                    delivery.claimed.id,
                    delivery.claimed.mailbox,
                    delivery.time_limit_ms,
                    extra=delivery.named(),
                )
            elif now - (delivery.interrupted_at or over_at) >= CLEAN_UP_S:
                # a hook that comes back in this moment starts the handler, and that can be interrupted
                engine.give_up(delivery, if_unstarted=started_at is None)

    def _replace_dead_threads(self) -> None:
        """Start a worker thread for each that an interrupt killed outside its handler."""
        worker = self._engine.worker
        if worker is None or self._engine.stopping:
            return
        for thread in list(worker.workers):
            if thread.ident is not None and not thread.is_alive():
                log.warning("a worker thread died; another takes its place")
                worker.workers.remove(thread)
                worker._add_worker()  # noqa: SLF001  # Dramatiq has no public way to add a thread

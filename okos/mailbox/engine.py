"""The part of the engine that lives in a worker's OS process: what it holds, and the threads that keep it alive.

    pump        one round trip at a time: settles what ended and claims for the threads that are free
    bell        waits on the server for ready work, so that nobody polls
    heartbeat   renews leases, sweeps, and looks after the worker's threads; depends on none of the others
    cancels     hears which running messages are to be cancelled

A message in hand goes through these states; `Holdings` is where they are kept:

    claimed ──(a thread starts it)── running ──(handler ended, or never started)── ended ──(settle confirmed)── gone

Its token is renewed from claimed to gone, so an outage between the handler's end and the confirmation loses nothing.
A process takes claims only for free threads, and beyond them only what it will start within a few milliseconds.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from dramatiq.middleware import TimeLimitExceeded

from okos.mailbox.bell import Bell
from okos.mailbox.cancels import Cancels
from okos.mailbox.consumer import decide
from okos.mailbox.decision import Decision, Release
from okos.mailbox.delivery import enter
from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.heartbeat import Heartbeat
from okos.mailbox.holdings import Holdings
from okos.mailbox.measuring import Measuring, measure
from okos.mailbox.pump import Pump

if TYPE_CHECKING:
    from dramatiq import Worker
    from dramatiq.middleware import Interrupt

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

log = logging.getLogger(__name__)

#: After an interrupt a handler gets this long to clean up before the process goes on without it.
CLEAN_UP_S = 3.0


class Engine:
    """The engine's threads in one OS process, started when its first consumer comes and closed with the worker.

    Args:
        store: Where the mailboxes are.
        options: Lease, limits and history; fixed for the life of the process.
        threads: How many handlers run at once here.
    """

    def __init__(self, store: Store, options: EngineOptions, *, threads: int, worker: Worker | None = None) -> None:
        self.id = secrets.token_hex(8)
        self.store = store
        self.options = options
        self.threads = threads
        self.worker = worker
        self.holdings = Holdings()
        self.inboxes: dict[str, SimpleQueue[Delivery]] = {}
        self.stopping = False
        self.closed = threading.Event()
        self.pump = Pump(self)
        self.bell = Bell(self)
        self.heartbeat = Heartbeat(self)
        self.cancels = Cancels(self)
        self._hung: list[threading.Thread] = []
        self._started = False
        self._lock = threading.Lock()

    def consume(self, queue: str) -> SimpleQueue[Delivery]:
        """Take part in serving a queue; returns where its messages arrive."""
        with self._lock:
            inbox = self.inboxes.setdefault(queue, SimpleQueue())
            if not self._started:
                self._started = True
                # Dramatiq's consumers come one by one; the bell would listen for the first alone, and be too late
                # for the others by up to its whole wait.
                for served in self._served():
                    self.inboxes.setdefault(served, SimpleQueue())
                for part in (self.heartbeat, self.pump, self.bell, self.cancels):
                    part.start()
        self.bell.interrupt()
        self.pump.wake()
        return inbox

    def queues(self) -> list[str]:
        """Return the queues that this process serves."""
        return list(self.inboxes)

    def finish(self, delivery: Delivery, decision: Decision) -> None:
        """Take a handler's end. Returns at once; the decision is written by the pump, and repeated until it is."""
        if delivery.abandoned and delivery.ended:
            return
        self.holdings.end(delivery)
        if delivery.lost:
            log.warning(
                "message %s (mailbox %s): its lease was lost before it ended; this attempt's outcome is dropped",
                delivery.claimed.id,
                delivery.claimed.mailbox,
            )
        self.pump.settle(delivery, decision)

    def give_up(self, delivery: Delivery, decision: Decision) -> None:
        """Settle a message whose handler does not come back, whatever its thread does later."""
        delivery.abandoned = True
        self.holdings.end(delivery)
        self.pump.settle(delivery, decision)

    def give_up_hung(self, delivery: Delivery) -> None:
        """Settle a message whose thread hangs and put another thread in its place.

        A process that has lost half of its threads this way ends itself, for its supervisor to start a fresh one.
        """
        delivery.stuff_exception(TimeLimitExceeded(f"still running {delivery.time_limit_ms:.0f} ms after its start"))
        self._judge(delivery)
        self.give_up(delivery, decide(delivery, self.options.retry))
        self._replace(delivery.thread)
        hung = sum(thread.is_alive() for thread in self._hung)
        if hung * 2 >= self.threads and not self.stopping:
            log.error("%d of %d threads hang; this process ends itself to be replaced", hung, self.threads)
            os.kill(os.getpid(), signal.SIGTERM)

    def _replace(self, hung: threading.Thread | None) -> None:
        """Put a new thread in the place of one that hangs; should that ever come back, it ends."""
        worker = self.worker
        if hung is None or worker is None:
            return
        self._hung.append(hung)
        for thread in [one for one in worker.workers if one is hung]:
            thread.stop()
            worker.workers.remove(thread)
            worker._add_worker()  # noqa: SLF001  # Dramatiq has no public way to add a thread

    def _judge(self, delivery: Delivery) -> None:
        """Let the middlewares decide about an attempt whose thread cannot ask them: it failed, and may be retried."""
        if self.worker is not None:
            enter(delivery)
            try:
                self.worker.broker.emit_after("process_message", delivery, exception=delivery.exception)
            finally:
                enter(None)

    def hung_threads(self) -> list[threading.Thread]:
        """Return the threads whose handlers never came back; nobody should wait for them."""
        return list(self._hung)

    def describe(self) -> str:
        """Say what this process is, as JSON, for whoever looks at the workers; nothing if it is none."""
        if self.options.client:
            return ""
        return json.dumps(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "threads": self.threads,
                "queues": sorted(self.inboxes),
                "in_hand": self.holdings.in_hand(),
            },
            separators=(",", ":"),
        )

    def metrics(self) -> Measuring | None:
        """Return the middleware that measures in this process; None if there is none."""
        middleware = () if self.worker is None else self.worker.broker.middleware
        return next((one for one in middleware if isinstance(one, Measuring)), None)

    def _served(self) -> set[str]:
        """Return the queues that Dramatiq's worker will consume here, as far as they are declared."""
        if self.worker is None:
            return set(self.inboxes)
        declared = self.worker.broker.get_declared_queues()
        return declared & self.worker.consumer_whitelist if self.worker.consumer_whitelist else declared

    def stop_claims(self) -> None:
        """Claim nothing from now on; what was claimed and not started goes back to the front of its mailbox."""
        self.stopping = True
        for inbox in list(self.inboxes.values()):
            while True:
                try:
                    delivery = inbox.get_nowait()
                except Empty:
                    break
                self.finish(delivery, Release(started=False))

    def drain(self, grace_s: float, interrupt: type[Interrupt]) -> None:
        """Wait for the running handlers; at the end of the grace, interrupt what is left, to be run again elsewhere."""
        self.stop_claims()
        log.info("nothing more is claimed; up to %.0f s for the %d messages in hand", grace_s, self.holdings.in_hand())
        if self.holdings.wait_idle(grace_s):
            return
        for delivery in self.holdings.snapshot():
            if not delivery.ended:
                delivery.interrupt(interrupt)
        if self.holdings.wait_idle(CLEAN_UP_S):
            return
        for delivery in self.holdings.snapshot():
            if not delivery.ended:
                if delivery.thread is not None:
                    self._hung.append(delivery.thread)
                self.give_up(delivery, Release())

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what has ended, say goodbye and stop the threads. What cannot be written in time is run again."""
        if not self._started:
            return
        self.stop_claims()
        if not self.pump.flush(timeout_s):
            log.warning(
                "%d settled messages could not be written in time and will run again",
                len(self.holdings.snapshot()),
            )
        self.closed.set()
        self.pump.wake()
        self.bell.interrupt()
        self.cancels.stop()
        for part in (self.pump, self.bell, self.heartbeat, self.cancels):
            part.join(2.0)
        metrics = self.metrics()
        try:
            if metrics is not None:
                measure(self.store, metrics.meter, process=self.id)
            self.store.call("leave", self.id)
        except StoreUnavailable:
            log.debug("the server could not be told that this process ends")

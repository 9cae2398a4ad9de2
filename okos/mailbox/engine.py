"""The part of the engine that lives in a worker's OS process: what it holds, and the threads that keep it alive.

    pump        one round trip at a time: settles what ended and claims for the threads that are free
    bell        waits on the server for ready work, so that nobody polls
    heartbeat   renews leases, sweeps, and looks after the worker's threads; depends on none of the others
    cancels     hears which running messages are to be cancelled

A message in hand goes through these states; `Holdings` is where they are kept:

    claimed ──(a thread starts it)── running ──(handler ended, or never started)── ended ──(settle confirmed)── gone

Its token is renewed from claimed to gone, so an outage between the handler's end and the confirmation loses nothing.
A process takes claims only for free threads, and beyond them only what it will start within a few milliseconds; what it
then does not start goes back.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, cast

from dramatiq.middleware import TimeLimitExceeded

from okos.mailbox.bell import Bell
from okos.mailbox.cancels import Cancels
from okos.mailbox.consumer import decide
from okos.mailbox.decision import Decision, Release
from okos.mailbox.delivery import enter
from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.heartbeat import CLEAN_UP_S, Heartbeat
from okos.mailbox.holdings import Holdings
from okos.mailbox.measuring import Measuring, measure
from okos.mailbox.pump import Pump
from okos.mailbox.recycle import Recycle, Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from queue import Queue

    from dramatiq import Worker
    from dramatiq.middleware import Interrupt

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.image import Seat
    from okos.mailbox.options import EngineOptions
    from okos.mailbox.store import Store

log = logging.getLogger(__name__)

#: Middlewares that have not judged a hung attempt by then have nothing to say about it.
JUDGE_S = 2.0

#: What the hooks of a shutdown may take, once nothing is held any more, before a fresh start does without them.
HOOKS_S = 10.0


class Engine:
    """The engine's threads in one OS process, started when its first consumer comes and closed with the worker.

    Args:
        store: Where the mailboxes are.
        options: Lease, limits and history; fixed for the life of the process.
        threads: How many handlers run at once here.
        worker: Dramatiq's, whose threads run the handlers.
        seat: How this process can be replaced; None if it cannot.
    """

    def __init__(
        self,
        store: Store,
        options: EngineOptions,
        *,
        threads: int,
        worker: Worker | None = None,
        seat: Seat | None = None,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.store = store
        self.options = options
        self.threads = threads
        self.worker = worker
        self.seat = seat
        self.holdings = Holdings()
        self.inboxes: dict[str, SimpleQueue[Delivery]] = {}
        self.stopping = False
        self.closed = threading.Event()
        self.pump = Pump(self)
        self.bell = Bell(self)
        self.heartbeat = Heartbeat(self)
        self.cancels = Cancels(self)
        self.starts_afresh = False
        self._hung: list[threading.Thread] = []
        self._recycle = Recycle(threads=threads, grace_s=options.shutdown.grace_ms / 1000)
        self._recycling = False
        self._ready_at: float | None = None
        self._claims_ended_at: float | None = None
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
        if not delivery.decide():
            return
        self.holdings.end(delivery)
        if delivery.lost:
            log.warning(
                "message %s (mailbox %s): its lease was lost before it ended; this attempt's outcome is dropped",
                delivery.claimed.id,
                delivery.claimed.mailbox,
                extra=delivery.named(),
            )
        self.pump.settle(delivery, decision)

    def give_up(self, delivery: Delivery, decision: Decision | None = None, *, if_unstarted: bool = False) -> None:
        """Settle a message whose thread does not come back, and put another thread in its place. Never waits.

        Args:
            delivery: Whatever its handler does later does not count.
            decision: How the attempt ends; None to judge it as one that ran too long, or, if it was interrupted for
                another reason, to release it.
            if_unstarted: Only if its handler has not started.
        """
        if not delivery.decide(if_unstarted=if_unstarted):
            return  # it has come back after all
        log.error(
            "message %s (mailbox %s) hangs and cannot be interrupted: its thread is given up",
            delivery.claimed.id,
            delivery.claimed.mailbox,
            extra=delivery.named(),
        )
        if delivery.thread is not None:
            self._hung.append(delivery.thread)
            self._replace(delivery.thread)
        if decision is not None or delivery.interrupted_by not in {None, TimeLimitExceeded}:
            self._abandon(delivery, decision or Release())
            return
        # On a thread of its own: whoever gives many up at once, the heartbeat, must not wait for all their middlewares.
        threading.Thread(target=self._judge_hung, args=(delivery,), name="okos-judge", daemon=True).start()

    def _abandon(self, delivery: Delivery, decision: Decision) -> None:
        delivery.abandoned = True
        self.holdings.end(delivery)
        self.pump.settle(delivery, decision)

    def _replace(self, hung: threading.Thread) -> None:
        if self.worker is None:
            return
        for thread in [one for one in self.worker.workers if one is hung]:
            thread.stop()  # if it ever comes back: another has its place
            self.worker.workers.remove(thread)
            if not self.stopping:
                self.worker._add_worker()  # noqa: SLF001  # Dramatiq has no public way to add a thread

    def _judge_hung(self, delivery: Delivery) -> None:
        """Settle it as any other attempt that ran too long; a middleware that hangs, too, is not waited for."""
        delivery.stuff_exception(TimeLimitExceeded(f"still running {delivery.time_limit_ms:.0f} ms after its start"))
        asking = threading.Thread(target=self._ask_middlewares, args=(delivery,), name="okos-asking", daemon=True)
        asking.start()
        asking.join(JUDGE_S)
        self._abandon(delivery, decide(delivery, self.options.retry))

    def _ask_middlewares(self, delivery: Delivery) -> None:
        """Let the middlewares decide about an attempt whose own thread cannot ask them: it failed."""
        if self.worker is not None:
            enter(delivery)
            self.worker.broker.emit_after("process_message", delivery, exception=delivery.exception)

    def recycle(self, now: float) -> None:
        """Make a fresh start if threads hang and the moment has come (see `recycle.py`). Asked by the heartbeat."""
        held, running = len(self.holdings.snapshot()), self.holdings.in_hand()
        if self.starts_afresh and held == 0:
            self._insist(now)
        if self.seat is None or (self.stopping and not self._recycling):
            return
        hung = sum(thread.is_alive() for thread in self._hung)
        step = self._recycle.look(
            now, hung=hung, running=running, unwritten=held - running, claimed=self.holdings.claimed()
        )
        if step is Step.STOP_CLAIMS:
            self._recycling = True
            self.stop_claims()
            log.error("%d of %d threads hang; this process ends what it holds and starts afresh", hung, self.threads)
        elif step is Step.START_AFRESH:
            self.starts_afresh = True
            # To Dramatiq it is a SIGTERM; and a real one is not taken for the same.
            os.kill(os.getpid(), signal.SIGHUP)

    def _insist(self, now: float) -> None:
        """Start afresh from here if Dramatiq's shutdown does not come to its end: somebody's hook hangs, too."""
        if self._ready_at is None:
            self._ready_at = now
        if self.seat is None or now - self._ready_at < HOOKS_S:
            return
        log.error("the worker's shutdown hangs; this process starts afresh without it")
        try:
            self._say_goodbye()
            self.seat.replace()
        except SystemExit as failed:
            os._exit(cast("int", failed.code))

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

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Give what has not started back to the front of its mailbox."""
        for delivery in deliveries:
            # wherever it is on its way to a thread; whoever holds it finds that it must not start
            if delivery.decide(if_unstarted=True):
                self._abandon(delivery, Release(started=False))

    def stop_claims(self) -> None:
        """Claim nothing from now on; what was claimed and not started goes back to the front of its mailbox."""
        self.stopping = True
        if self._claims_ended_at is None:
            self._claims_ended_at = time.monotonic()
        self.give_back(self.holdings.snapshot())
        for inbox in self.inboxes.values():
            _empty(inbox)
        if self.worker is not None:
            for _ in range(_empty(self.worker.work_queue)):
                self.worker.work_queue.task_done()

    def drain(self, grace_s: float, interrupt: type[Interrupt]) -> None:
        """Wait for the running handlers; at the end of the grace, interrupt what is left, to be run again elsewhere."""
        self._recycling = False  # this process is stopping now, whatever it was about to do
        self.stop_claims()
        log.info("nothing more is claimed; up to %.0f s for the %d messages in hand", grace_s, self.holdings.in_hand())
        if self._claims_ended_at is not None:
            grace_s -= time.monotonic() - self._claims_ended_at
        if self.holdings.wait_idle(grace_s):
            return
        for delivery in self.holdings.snapshot():
            if not delivery.ended:
                delivery.interrupt(interrupt)
        if self.holdings.wait_idle(CLEAN_UP_S):
            return
        for delivery in self.holdings.snapshot():
            if not delivery.ended:
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
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        metrics = self.metrics()
        try:
            if metrics is not None:
                measure(self.store, metrics.meter, process=self.id)
            self.store.call("leave", self.id)
        except StoreUnavailable:
            log.debug("the server could not be told that this process ends")


def _empty(queue: SimpleQueue[Any] | Queue[Any]) -> int:  # Any: Dramatiq's own queue holds what is private to it
    """Take everything out of a queue; returns how many there were."""
    taken = 0
    with contextlib.suppress(Empty):
        while True:
            queue.get_nowait()
            taken += 1
    return taken

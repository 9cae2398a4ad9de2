"""The thread that talks to the server for a worker's OS process: settles what ended and claims what can start.

One round trip at a time. While it is under way, ends and free threads gather; the next round trip takes them all, up
to a bound that keeps a script short. It carries a sequence, so that it can be repeated after a lost reply.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from okos.mailbox.ahead import BACK_S, Ahead
from okos.mailbox.decision import Dead, Decision, Release
from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.store import Argument, ScriptFailed
from okos.mailbox.wire import Settlement, burial, encode, read_claimed, read_delivery

if TYPE_CHECKING:
    import redis

    from okos.mailbox.delivery import Delivery
    from okos.mailbox.engine import Engine

log = logging.getLogger(__name__)

#: 64 messages took 2.4 ms of the server's time, 256 took 10.7: nobody else should wait longer than that.
BATCH = 64
BATCH_BYTES = 256 * 1024
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
IDLE_CLAIM_S = 10.0


class Pump(threading.Thread):
    """See the module. Started and closed by the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="okos-pump", daemon=True)
        self._engine = engine
        self._client: redis.Redis = engine.store.another_connection()
        self._arrivals: SimpleQueue[Settlement | None] = SimpleQueue()
        self._sequence = 0
        self._pending = 0
        self._pending_lock = threading.Condition()
        self._wanted = True
        self._due: float | None = None
        self._ahead = Ahead(engine)

    def settle(self, delivery: Delivery, decision: Decision) -> None:
        """Queue a decision. It is written before its thread's next message starts, or repeated until it is."""
        if delivery.started_at is not None and not delivery.options.get("housekeeping"):
            self._ahead.took((time.monotonic() - delivery.started_at) * 1000)
        try:
            argv = encode(delivery, decision)
        except Exception as error:
            claimed, named = delivery.claimed, delivery.named()
            log.exception("message %s (mailbox %s) cannot be settled", claimed.id, claimed.mailbox, extra=named)
            argv = burial(delivery, error)
        size = sum(len(value) for value in argv if isinstance(value, (bytes, str)))
        with self._pending_lock:
            self._pending += 1
        self._arrivals.put(Settlement(delivery, argv, size))

    def wake(self) -> None:
        """Look for work: the bell rang, or a thread became free."""
        self._wanted = True
        self._arrivals.put(None)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything that was settled is written; False when it took too long."""
        end = time.monotonic() + timeout_s
        with self._pending_lock:
            while self._pending:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._pending_lock.wait(left)
        return True

    def room(self) -> int:
        """Say how many messages this process may claim now."""
        return self._ahead.room(BATCH)

    def run(self) -> None:
        """Serve until the engine is closed."""
        left_over: list[Settlement] = []
        self._announce()
        while not self._engine.closed.is_set():
            try:
                self._ahead.give_back()
                batch, left_over = self._collect(left_over)
                room = self.room()
                if batch or (room and self._wanted):
                    self._exchange(batch, room)
            except StoreUnavailable:
                return  # closed while the server was away: what could not be written runs again
            except Exception:
                log.exception("the pump met an error that it does not know; it goes on")
                self._engine.closed.wait(LONGEST_PAUSE_S)

    def _announce(self) -> None:
        """Write the policy before the first claim, so that no claim goes by an older one."""
        options = self._engine.options
        if options.client:
            return
        rate = options.rate
        argv: list[Argument] = ["", options.window.max_jobs_per_user, rate.jobs_per_second or 0, rate.burst]
        argv += [rate.all_per_second or 0, rate.all_burst]
        with contextlib.suppress(StoreUnavailable):  # only raised once the engine is closed
            self._until_answered("limit", argv)

    def _collect(self, left_over: list[Settlement]) -> tuple[list[Settlement], list[Settlement]]:
        """Wait for something to do; return what to settle now and what is for the next round trip."""
        arrived = left_over or self._await_one()
        while True:
            try:
                one = self._arrivals.get_nowait()
            except Empty:
                break
            if one is not None:
                arrived.append(one)
        size = 0
        for number, settlement in enumerate(arrived):
            size += settlement.size_bytes
            if number == BATCH or (number and size > BATCH_BYTES):
                return arrived[:number], arrived[number:]
        return arrived, []

    def _await_one(self) -> list[Settlement]:
        """Wait for the first arrival, or for the moment to claim again."""
        wait_s = IDLE_CLAIM_S
        if self.room():
            if self._wanted:
                wait_s = 0.0
            elif self._due is not None:
                wait_s = min(wait_s, max(0.0, self._due - time.monotonic()))
        looks = self._ahead.is_held() and wait_s > BACK_S
        if looks:
            wait_s = BACK_S  # for what is to be given back, and for no claim
        try:
            first = self._arrivals.get(timeout=wait_s) if wait_s else self._arrivals.get_nowait()
        except Empty:
            self._wanted = self._wanted or not looks
            return []
        return [] if first is None else [first]

    def _exchange(self, batch: list[Settlement], room: int) -> None:
        self._wanted = False
        settle = self._settle_argv(batch) if batch else []
        claim = self._claim_argv(room) if room else []
        if batch and room:
            sent_at, reply = self._until_answered("exchange", [len(settle), *settle, *claim])
            settled, claimed = (reply, None) if isinstance(reply, ScriptFailed) else reply
        elif batch:
            sent_at, settled = self._until_answered("settle", settle)
            claimed = None
        else:
            sent_at, claimed = self._until_answered("claim", claim)
            settled = None
        if batch:
            self._confirm(batch, settled)
        if claimed is not None:
            self._receive(claimed, sent_at, room)
        elif room:
            self._wanted = True  # it failed with the settle that could not be; it is for the next turn

    def _claim_argv(self, room: int) -> list[Argument]:
        self._sequence += 1
        engine = self._engine
        queues = engine.queues()
        return [
            engine.id,
            self._sequence,
            room,
            BATCH_BYTES,
            engine.options.lease_ms,
            secrets.token_hex(8),
            int(not engine.holdings.holds_suspect()),
            engine.options.max_stalls,
            len(queues),
            *queues,
        ]

    def _settle_argv(self, batch: list[Settlement]) -> list[Argument]:
        self._sequence += 1
        history = self._engine.options.history
        argv: list[Argument] = [
            self._engine.id,
            self._sequence,
            history.done_count,
            history.dead_count,
            len(batch),
        ]
        for settlement in batch:
            argv += settlement.argv
        return argv

    def _until_answered(self, name: str, argv: list[Argument]) -> tuple[float, Any]:  # Any: Redis' reply
        """Run a transition, repeated with the same sequences for as long as the server cannot be reached.

        Returns when it was sent the last time, and the reply or what it failed with.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            sent_at = time.monotonic()
            try:
                try:
                    return sent_at, self._engine.store.call(name, *argv, client=self._client)
                except ScriptFailed as error:
                    return sent_at, error
            except StoreUnavailable as error:
                if pause_s == FIRST_PAUSE_S:
                    log.warning("%s; what ended is kept and written when it is back", error)
                if self._engine.closed.wait(pause_s):
                    raise
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _confirm(self, batch: list[Settlement], reply: Any) -> None:  # Any: Redis' reply
        if isinstance(reply, ScriptFailed):
            reply = self._bisect(batch, reply)
        for settlement, outcome in zip(batch, reply, strict=True):
            delivery = settlement.delivery
            if outcome == b"cancelled":
                claimed, named = delivery.claimed, delivery.named()
                log.info("message %s (mailbox %s) ended as cancelled", claimed.id, claimed.mailbox, extra=named)
            if outcome == b"lost" and not delivery.lost:
                delivery.lost = True
                log.warning(
                    "message %s (mailbox %s): settled too late, its lease had been lost; nothing of it was written",
                    delivery.claimed.id,
                    delivery.claimed.mailbox,
                    extra=delivery.named(),
                )
            self._engine.holdings.remove(delivery)
            if delivery.claimed.suspect:
                self._wanted = True  # another suspect may have been passed over because of this one
        with self._pending_lock:
            self._pending -= len(batch)
            if not self._pending:
                self._pending_lock.notify_all()

    def _bisect(self, batch: list[Settlement], error: ScriptFailed) -> list[bytes]:
        """Find the settlement that the server cannot take: it is buried, the others are written."""
        if len(batch) == 1:
            settlement = batch[0]
            claimed, named = settlement.delivery.claimed, settlement.delivery.named()
            log.error("message %s (mailbox %s) cannot be settled: %s", claimed.id, claimed.mailbox, error, extra=named)
            if settlement.argv[2] == "dead" and settlement.argv[7] == 0:
                return [b"lost"]
            batch = [Settlement(settlement.delivery, burial(settlement.delivery, error), 0)]
        replies: list[bytes] = []
        middle = max(1, len(batch) // 2)
        for half in (batch[:middle], batch[middle:]):
            if half:
                _, reply = self._until_answered("settle", self._settle_argv(half))
                replies += self._bisect(half, reply) if isinstance(reply, ScriptFailed) else reply
        return replies

    def _receive(self, reply: Any, sent_at: float, room: int) -> None:  # Any: Redis' reply
        engine = self._engine
        if isinstance(reply, ScriptFailed):
            log.error("the claim failed: %s", reply)
            engine.closed.wait(LONGEST_PAUSE_S)
            self._wanted = True
            return
        due_ms, left, items = reply
        self._due = None if due_ms < 0 else time.monotonic() + due_ms / 1000
        deadline = sent_at + engine.options.lease_ms / 1000
        deliveries = [read_delivery(read_claimed(item), deadline) for item in items]
        engine.holdings.add(deliveries)
        for delivery in deliveries:
            engine.cancels.check(delivery)
            inbox = engine.inboxes.get(delivery.queue_name)
            if inbox is None and delivery.decision is None:
                # asked for by one queue, and naming another: whoever claims it next would find the same
                delivery.decision = Dead(f"the message cannot be read: it names the queue {delivery.queue_name!r:.100}")
            if isinstance(delivery.decision, Dead):
                self._bury(delivery, delivery.decision)
            elif inbox is None or engine.stopping:
                engine.finish(delivery, Release(started=False))
            else:
                inbox.put(delivery)
        if left or len(items) >= room:
            self._wanted = True
        else:
            engine.bell.listen()

    def _bury(self, delivery: Delivery, decision: Dead) -> None:
        claimed, named = delivery.claimed, delivery.named()
        log.error("message %s (mailbox %s): %s", claimed.id, claimed.mailbox, decision.error, extra=named)
        self._engine.finish(delivery, decision)

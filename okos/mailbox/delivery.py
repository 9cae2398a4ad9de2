"""A claimed message on its way through Dramatiq: a message proxy that carries its token, lease and decision."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dramatiq.broker import MessageProxy
from dramatiq.middleware import Interrupt, TimeLimitExceeded, raise_thread_exception

from okos.mailbox.effect import Run
from okos.mailbox.reading import encodable

if TYPE_CHECKING:
    from collections.abc import Callable

    import dramatiq

    from okos.mailbox.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What the claim script says of one started message.

    Attributes:
        attempt: 1 for the first run.
        waited_ms: From its publication to its claim.
        suspect: A process has died while running it; this process holds no other suspect.
        epoch: How often it was requeued as a dead letter.
        merged: Bodies of messages that a full mailbox merged into this one, oldest first.
    """

    id: str
    token: str
    body: bytes
    mailbox: str
    attempt: int
    retries: int
    stalls: int
    waited_ms: int
    suspect: bool
    epoch: int = 0
    merged: tuple[bytes, ...] = ()


class Delivery(MessageProxy):
    """A message in the hands of this OS process, until its settle is confirmed.

    The worker thread that runs it, the heartbeat and whoever interrupts it meet here; `_lock` orders them.
    """

    def __init__(self, message: dramatiq.Message[Any], claimed: Claimed, *, deadline: float) -> None:
        super().__init__(message)
        self.claimed = claimed
        self.decision: Decision | None = None
        #: Why a follow-up could not be sent after the handler had ended; the attempt has failed for it.
        self.refused: Exception | None = None
        self.run = Run(
            message_id=claimed.id,
            mailbox=claimed.mailbox,
            token=claimed.token,
            attempt=claimed.attempt,
            epoch=claimed.epoch,
        )
        #: `time.monotonic()` until which the lease holds for sure: counted from before the claim or renewal was sent.
        self.deadline = deadline
        self.lost = False
        self.cancelled = False
        self.ended = False
        #: Its outcome was decided without its handler, which may still run: nothing that it does counts any more.
        self.abandoned = False
        self.claimed_at = time.monotonic()
        #: When a worker thread took it, before the first hook; and when its handler started.
        self.taken_at: float | None = None
        self.started_at: float | None = None
        self.time_limit_ms = float("inf")
        self.interrupted_by: type[Interrupt] | None = None
        self.interrupted_at: float | None = None
        self.cancel_task: Callable[[], object] | None = None
        self.thread: threading.Thread | None = None
        #: Called once, on another thread, when its settle is confirmed or refused; must neither block nor raise.
        self.on_settled: Callable[[], object] | None = None
        self._thread_id: int | None = None
        self._decided = False
        self._lock = threading.Lock()

    @property
    def exception(self) -> BaseException | None:
        """What the handler raised, while Dramatiq is still looking after this message."""
        return self._exception

    def named(self) -> dict[str, str | int]:
        """Say which attempt this is, as fields of a line of the log: ids and names, nothing of what it holds."""
        return {
            "message_id": encodable(self.claimed.id),
            "mailbox": encodable(self.claimed.mailbox),
            "actor": encodable(self.actor_name),
            "attempt": self.claimed.attempt,
        }

    def stuff_exception(self, exception: BaseException) -> None:
        """Remember what the handler raised; what is enqueued from here on is the policy's."""
        super().stuff_exception(exception)
        self.run.handler_failed()

    def holds(self) -> bool:
        """Say whether this attempt may start: not cancelled, its lease neither lost nor over. Local and free."""
        return not self.lost and not self.cancelled and not self.ended and time.monotonic() < self.deadline

    def take(self) -> bool:
        """Mark that this thread has it from now on; False if it was given back on its way here."""
        with self._lock:
            if self._decided:
                return False
            self.taken_at = time.monotonic()
            self.thread = threading.current_thread()
            return True

    def begin(self) -> bool:
        """Mark that the handler starts on this thread; False if it must not: it was given back, or may be another's."""
        with self._lock:
            # In here: who loses or cancels it says so first and interrupts then. It is seen now, or interrupted after.
            if self._decided or not self.holds():
                return False
            self.started_at = time.monotonic()
            self._thread_id = threading.get_ident()
            return True

    def decide(self, *, if_unstarted: bool = False) -> bool:
        """Take the right to say how this attempt ends; True for the first who asks, and for nobody after that.

        The thread that runs it, whoever gives it up and whoever takes it back may all want to.

        Args:
            if_unstarted: Only if its handler has not started; then it never will.
        """
        with self._lock:
            if self._decided or (if_unstarted and self.started_at is not None):
                return False
            self._decided = True
            return True

    def end(self) -> None:
        """Mark that the handler has ended; from here on nobody interrupts its thread."""
        with self._lock:
            self._thread_id = None
            self.cancel_task = None

    def is_running(self) -> bool:
        """Say whether the handler is on its thread now."""
        return self._thread_id is not None

    def is_over_here(self) -> bool:
        """Say whether this thread ran the handler and the handler has ended: what is sent now is a middleware's."""
        return self.thread is threading.current_thread() and not self.is_running() and not self.run.closed

    def interrupt(self, reason: type[Interrupt]) -> bool:
        """Stop the handler: cancel its coroutine, or raise `reason` in its thread. Once; False if it does not run."""
        with self._lock:
            if self._thread_id is None or self.interrupted_by is not None:
                return False
            self.interrupted_by = reason
            self.interrupted_at = time.monotonic()
            if reason is not TimeLimitExceeded:
                # What an actor is known to throw, Dramatiq logs without a traceback; and this is no failure.
                self.options["throws"] = reason
            if self.cancel_task is not None:
                self.cancel_task()
            else:
                raise_thread_exception(self._thread_id, reason)  # type: ignore[no-untyped-call]  # Dramatiq's
            return True

    def runs_coroutine(self, cancel: Callable[[], object] | None) -> None:
        """Say how to cancel the coroutine that the handler's thread waits for; None when it waits no longer."""
        with self._lock:
            self.cancel_task = cancel
            if cancel is not None and self.interrupted_by is not None:
                cancel()


_current: ContextVar[Delivery | None] = ContextVar("okos_delivery", default=None)


def enter(delivery: Delivery | None) -> None:
    """Make `delivery` the one that this thread runs, or none."""
    _current.set(delivery)


def current_delivery() -> Delivery | None:
    """Return the delivery whose handler this code belongs to; None outside one. Coroutines of the run see it too."""
    return _current.get()


def describe_run() -> dict[str, str | int]:
    """Say which attempt this code belongs to, for a line of the log; empty outside a run.

    From its handler's start until its end is handed over to be written: for the handler, whatever it starts, and the
    hooks that are asked after it.
    """
    delivery = _current.get()
    return {} if delivery is None else delivery.named()


def current_run() -> Run | None:
    """Return the run that this code belongs to; None outside a handler."""
    delivery = _current.get()
    return None if delivery is None or delivery.run.closed else delivery.run

"""`MailboxBroker`: a Dramatiq broker whose queues are made of mailboxes, run by the stock `dramatiq` command.

Publishing goes straight to the server; consuming goes through the engine of this OS process (`engine.py`). What a
handler enqueues during its run is an effect: written by the settle that ends the run, or not at all.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dramatiq.errors import QueueJoinTimeout
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    Middleware,
    Pipelines,
    Retries,
    Shutdown,
    ShutdownNotifications,
    TimeLimit,
)

from okos.mailbox.boundary import Lifecycle, RunBoundary
from okos.mailbox.consumer import MailboxConsumer, refuse
from okos.mailbox.delivery import current_delivery, current_run
from okos.mailbox.engine import Engine
from okos.mailbox.errors import MailboxFull, RunOver, StoreUnavailable
from okos.mailbox.fitness import Severity, require_usable
from okos.mailbox.image import Seat, find_seat
from okos.mailbox.operations import Operations
from okos.mailbox.options import EngineOptions
from okos.mailbox.policy import (
    HistoryPolicy,
    Policy,
    RatePolicy,
    RetryPolicy,
    ShutdownPolicy,
    TimePolicy,
    WindowPolicy,
)
from okos.mailbox.preview import Previews, PreviewSender
from okos.mailbox.publishing import Publishing
from okos.mailbox.reading import refuse_pickle
from okos.mailbox.shelf import Shelf
from okos.mailbox.store import Store
from okos.mailbox.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import dramatiq
    from dramatiq import Worker
    from dramatiq.broker import Broker, Consumer, MessageProxy

log = logging.getLogger(__name__)

_LEVELS = {Severity.FAULT: logging.ERROR, Severity.WARNING: logging.WARNING, Severity.UNSEEN: logging.INFO}

#: Stock middlewares that would break a promise of the engine, and what stands in their place.
REFUSED: dict[type[Middleware], str] = {
    Retries: "okos.middleware.Retry (it keeps the mailbox's order and loses nothing in an outage)",
    TimeLimit: "okos.middleware.TimeLimit (it also reaches coroutines, and gives hung threads up)",
    AsyncIO: "okos.middleware.EventLoop",
    ShutdownNotifications: "okos.middleware.Shutdown",
}

MIN_LEASE_MS = 300


class MailboxBroker(Operations, Publishing):
    """Messages of one mailbox run one after the other, in the order they were sent; mailboxes run side by side.

    A message names its mailbox by the option `mailbox`; one without is alone. Other options of a message:
    `cost` (of the rate limit, default 1), `priority` (below 0 high, above 0 low), `delay` (joins its mailbox when due),
    `hold` (ms; takes its place now, starts later), `dedup_id`, `max_backlog` with `on_full` ('reject', 'drop_oldest' or
    'coalesce': the handler finds what was merged in its message's option `merged`), `latest_wins` (cancels what its
    mailbox holds), `expires` (ms), `strict` (runs alone in its mailbox, whatever `max_jobs_per_user` is),
    `max_stalls` (instead of the workers'), `on_dead` (a message), `housekeeping` (asked first, heeds neither a pause of
    all nor a rate, and is not counted; in mailboxes of its own).

    Args:
        url: The Redis or Valkey server (7.0 or newer): `redis://`, `rediss://` or `unix://`.
        namespace: Every key is under this name, as one hash tag.
        lease_ms: A running message whose process shows no sign of life for this long is run again elsewhere.
        middleware: The whole list, or None for the default one: strict order, no rate limit, three retries.
        max_stalls: A message whose process ended this many times while running it becomes a dead letter.
        client: This OS process consumes only what is addressed to itself (replies). It is no worker: it is not
            listed as one, leaves the policy in force as it is, and sweeps nothing with numbers that are not the
            workers'.

    Raises:
        ValueError: The URL cannot be read, or a number is out of range.
        TypeError: A stock middleware is given that the engine replaces; says by what.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "okos",
        lease_ms: int = 15_000,
        middleware: list[Middleware] | None = None,
        max_stalls: int = 2,
        client: bool = False,
    ) -> None:
        if lease_ms < MIN_LEASE_MS:
            raise ValueError(f"lease_ms must be at least {MIN_LEASE_MS}, not {lease_ms}")
        if max_stalls < 1:
            raise ValueError(f"max_stalls must be at least 1, not {max_stalls}")
        if not namespace or set("{}") & set(namespace):
            raise ValueError(f"namespace must be a text without braces that is not empty, not {namespace!r}")
        self.url = url
        self.namespace = namespace
        self.store = Store(url, namespace)
        self.shelf = Shelf(self.store)
        self._lease_ms = lease_ms
        self._max_stalls = max_stalls
        self._client = client
        self._engine: Engine | None = None
        self._engine_lock = threading.Lock()
        self._previews: PreviewSender | None = None
        super().__init__(middleware=[])
        self.queues: dict[str, None] = {}
        self.actor_options |= {
            "mailbox",
            "max_backlog",
            "on_full",
            "latest_wins",
            "hold",
            "expires",
            "dedup_ttl",
            "housekeeping",
            "strict",
            "max_stalls",
        }
        self._boundary = RunBoundary(self)
        self.middleware = [Lifecycle(self), self._boundary]
        for one in default_middleware() if middleware is None else middleware:
            self.add_middleware(one)

    # -- Dramatiq's side ---------------------------------------------------------------------------------------------

    def add_middleware(
        self,
        middleware: Middleware,
        *,
        before: type[Middleware] | None = None,
        after: type[Middleware] | None = None,
    ) -> None:
        """Add a middleware; the engine's own boundary stays the last, next to the actor."""
        for refused, instead in REFUSED.items():
            if type(middleware) is refused:
                raise TypeError(f"dramatiq's {refused.__name__} does not go with MailboxBroker: use {instead}")
        super().add_middleware(middleware, before=before, after=after)
        self.middleware.remove(self._boundary)
        self.middleware.append(self._boundary)

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue. There are no delay queues: what is delayed waits in the server."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Put a message into its mailbox; inside a handler's run, with the ack that ends the run.

        Args:
            message: Sending the same message (the same id) again changes nothing.
            delay: Milliseconds until it joins its mailbox.

        Returns:
            The message as it was accepted.

        Raises:
            MailboxFull: Its mailbox holds `max_backlog` messages.
            BadMessage: An option has a value that cannot be kept.
            RunOver: The handler that sends it was given up, and goes on all the same.
            StoreUnavailable: No answer; the message may have been accepted, and may be sent again.
        """
        delivery = current_delivery()
        if delivery is not None and delivery.abandoned:
            raise RunOver(f"message {delivery.claimed.id} was given up while its handler ran; what it sends is dropped")
        run = current_run()
        if run is not None:
            with self._failing_if_over():
                message = message.copy(message_id=run.next_id())
                self.emit_before("enqueue", message, delay)
                run.publish(self.publication(message, delay=delay))
        else:
            self.emit_before("enqueue", message, delay)
            publication = self.publication(message, delay=delay)
            outcome, _ = self.store.publish(publication)
            if outcome == "full":
                raise MailboxFull(
                    f"mailbox {publication.mailbox!r} holds {publication.max_backlog} messages already; "
                    f"message {message.message_id} was not accepted"
                )
        self.emit_after("enqueue", message, delay)
        return message

    def get_actor(self, actor_name: str) -> dramatiq.Actor[Any, Any]:
        """Look up an actor; raises ActorNotFound."""
        with self._failing_if_over():
            return super().get_actor(actor_name)

    @contextmanager
    def _failing_if_over(self) -> Iterator[None]:
        """Fail the attempt, too, if this is refused to a middleware after the handler: Dramatiq logs it and goes on."""
        try:
            yield
        except Exception as error:
            delivery = current_delivery()
            if delivery is not None and delivery.is_over_here():
                actor = self.actors.get(delivery.actor_name)
                refuse(delivery, error, self.options_now().retry, {} if actor is None else actor.options)
            raise

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Consumer:
        """Get the iterator over a queue's messages in this OS process."""
        with self._engine_lock:
            if self._engine is None:
                self._engine = self._new_engine(threads=prefetch, worker=None)
        return MailboxConsumer(self._engine, queue_name, timeout)

    def flush_all(self) -> None:
        """Delete every message and all that is kept about them. For tests."""
        self.store.delete_all()

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until nothing waits or runs, in any queue. For tests.

        Raises:
            QueueJoinTimeout: It took longer than `timeout` ms.
        """
        del queue_name

        def is_empty() -> bool:
            stats = self.stats()
            return stats.waiting == 0 and stats.running == 0

        if not wait_until(is_empty, timeout_s=None if timeout is None else timeout / 1000):
            raise QueueJoinTimeout("messages were still waiting or running")  # type: ignore[no-untyped-call]  # Dramatiq's

    def close(self) -> None:
        """Stop what this broker runs in this OS process and close its connections."""
        self.stop_engine()
        if self._previews is not None:
            self._previews.close()
            self._previews = None
        self.store.close()

    # -- what Okos' own parts ask ------------------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """Read a stored value; None when there is none."""
        return self.shelf.read(name)

    def read_list(self, name: str) -> list[bytes]:
        """Read a stored list, oldest first."""
        return self.shelf.read_list(name)

    def write(self, name: str, value: bytes, *, ttl_ms: int) -> None:
        """Store a value now, outside of any run's settle."""
        self.shelf.write(name, value, ttl_ms=ttl_ms)

    def write_all(self, values: Mapping[str, bytes], *, ttl_ms: int) -> None:
        """Store several values now, in one round trip."""
        self.shelf.write_all(values, ttl_ms=ttl_ms)

    def delete(self, name: str) -> None:
        """Delete a stored value or list now, outside of any run's settle."""
        self.shelf.delete(name)

    def preview(self, channel: str, payload: bytes) -> None:
        """Show something on its way to whoever listens now. Never waits, never fails, may be lost."""
        if self._previews is None:
            with self._engine_lock:
                if self._previews is None:
                    self._previews = PreviewSender(self.store)
        self._previews.send(channel, payload)

    def previews(self, channel: str) -> Previews:
        """Listen to previews: a context manager that gives an iterator of payloads, None after each quiet second."""
        return Previews(self.store, channel)

    # -- the engine in this OS process -------------------------------------------------------------------------------

    def options(self) -> EngineOptions:
        """Gather what the middlewares decided."""
        options = EngineOptions(lease_ms=self._lease_ms, max_stalls=self._max_stalls, client=self._client)
        for middleware in self.middleware:
            policy: Policy | None = getattr(middleware, "policy", None)
            match policy:
                case WindowPolicy():
                    options = replace(options, window=policy)
                case RatePolicy():
                    options = replace(options, rate=policy)
                case HistoryPolicy():
                    options = replace(options, history=policy)
                case RetryPolicy():
                    options = replace(options, retry=policy)
                case TimePolicy():
                    options = replace(options, time=policy)
                case ShutdownPolicy():
                    options = replace(options, shutdown=policy)
                case _:
                    pass
        return options

    def time_limit_ms(self, broker: Broker, message: MessageProxy) -> float:
        """Say how long this message's handler may run: its own option, its actor's, or the policy's."""
        actor = broker.actors.get(message.actor_name)
        limit = message.options.get("time_limit") or (actor and actor.options.get("time_limit"))
        return float(limit or self.options_now().time.time_limit_ms)

    @property
    def process_id(self) -> str | None:
        """Name this OS process as records and heartbeats do; None while it consumes nothing."""
        return None if self._engine is None else self._engine.id

    def options_now(self) -> EngineOptions:
        """Return the options of the running engine, or what they would be."""
        return self.options() if self._engine is None else self._engine.options

    def boot(self, worker: Worker) -> None:
        """Make the engine for Dramatiq's worker and write the policy where every transition reads it.

        Raises:
            StoreTooOld: The server cannot run the scripts.
            RunsCode: What travels would be unpickled.
            WrongSchema: What it holds was stored in another form.
        """
        refuse_pickle()
        self._look_at_server()
        with self._engine_lock:
            self._engine = self._new_engine(threads=worker.worker_threads, worker=worker, seat=find_seat())

    def _look_at_server(self) -> None:
        """Say what is not well with the server, once; one that does not answer now is not looked at again."""
        try:
            findings = self.check()
        except StoreUnavailable as error:
            log.warning("%s; the worker starts and waits for it", error)
            return
        for finding in findings:
            log.log(_LEVELS[finding.severity], "the server: %s", finding.text)
        require_usable(findings)

    def drain(self) -> None:
        """Stop claiming and let what runs end; threads that do not come back are left behind."""
        engine = self._engine
        if engine is not None:
            engine.drain(engine.options.shutdown.grace_ms / 1000, Shutdown)

    def stop_engine(self) -> Seat | None:
        """Stop the engine of this OS process, if there is one. Returns its seat if it wants the process replaced."""
        with self._engine_lock:
            engine, self._engine = self._engine, None
        if engine is None:
            return None
        engine.close()
        return engine.seat if engine.starts_afresh else None

    def _new_engine(self, *, threads: int, worker: Worker | None, seat: Seat | None = None) -> Engine:
        return Engine(self.store, self.options(), threads=threads, worker=worker, seat=seat)


def default_middleware() -> list[Middleware]:
    """Return what a broker has when nothing else is said."""
    # The middlewares import the policies of this package: they are looked up when a broker is made.
    from okos.middleware import EventLoop, RateLimit, Retry, UserMutex  # noqa: PLC0415
    from okos.middleware import Shutdown as Grace  # noqa: PLC0415
    from okos.middleware import TimeLimit as Limit  # noqa: PLC0415

    return [
        UserMutex(),
        RateLimit(),
        AgeLimit(),
        Limit(),
        Grace(),
        EventLoop(),
        Callbacks(),
        Pipelines(),
        Retry(),
    ]

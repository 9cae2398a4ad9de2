"""The Dramatiq programs under measurement: one actor, written for each broker.

They differ in the broker and in what keeps a user's order, in nothing else. Everything is at its defaults but
the mutex's backoff, which would be 15 s.
"""

import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

from okos.mailbox import MailboxBroker

Handler = Callable[[int, int, int, int, int], Coroutine[Any, Any, None] | None]
"""What an actor runs: the user, the message's number among the user's; sleep_ms, tokens, token_ms of the workload."""

NoteActor = dramatiq.Actor[[int, int, int, int, int], Any]  # Any: None, or a coroutine's


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A broker and how a program uses it."""

    connect: Callable[[str], dramatiq.Broker]
    declare: Callable[[dramatiq.Broker, Handler], NoteActor]
    options_for: Callable[[int], dict[str, Any]]
    """The options that a message of this user is sent with."""


def _connect_stock(url: str) -> dramatiq.Broker:
    broker = RedisBroker(url=url)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
    if os.environ.get("BENCH_STREAMS"):
        broker.add_middleware(AsyncIO())
    return broker


def _connect_okos(url: str) -> dramatiq.Broker:
    lease_ms = os.environ.get("BENCH_LEASE_MS")
    return MailboxBroker(url=url, lease_ms=int(lease_ms)) if lease_ms else MailboxBroker(url=url)


def _declare(broker: dramatiq.Broker, handler: Handler, **options: Any) -> NoteActor:
    return dramatiq.actor(broker=broker, actor_name="note", **options)(handler)


def _declare_behind_mutex(broker: dramatiq.Broker, handler: Handler) -> NoteActor:
    """Hold a lock of the user for the run, as Dramatiq's guide does; refused, retry soon and for ever."""
    assert isinstance(broker, RedisBroker)  # noqa: S101 - the mutex shares the stock broker's connections
    backend = RedisBackend(client=broker.client)

    def guarded(user: int, seq: int, sleep_ms: int, tokens: int, token_ms: int) -> None:
        mutex = ConcurrentRateLimiter(backend, f"user:{user}", limit=1)  # type: ignore[no-untyped-call]  # the same
        with mutex.acquire():
            handler(user, seq, sleep_ms, tokens, token_ms)

    return _declare(broker, guarded, max_retries=None, min_backoff=10, max_backoff=100)


PROGRAMS = {
    "stock": Program(connect=_connect_stock, declare=_declare, options_for=lambda _user: {}),
    "mutex": Program(connect=_connect_stock, declare=_declare_behind_mutex, options_for=lambda _user: {}),
    "okos": Program(connect=_connect_okos, declare=_declare, options_for=lambda user: {"mailbox": f"user:{user}"}),
}

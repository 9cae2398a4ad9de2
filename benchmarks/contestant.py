"""The contestants: one Dramatiq program, written for each broker that is measured.

They differ in the broker and in what keeps a user's order, in nothing else. Everything is at its defaults but
the mutex's backoff, which would be 15 s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

from okos.mailbox import MailboxBroker

Handler = Callable[[int, int, int], None]
"""What an actor runs: the user, the message's number among the user's, how long to sleep in ms."""

NoteActor = dramatiq.Actor[[int, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A broker and how a program uses it."""

    title: str
    connect: Callable[[str], dramatiq.Broker]
    declare: Callable[[dramatiq.Broker, Handler], NoteActor]
    options_for: Callable[[int], dict[str, Any]]
    """The options that a message of this user is sent with."""


def _connect_stock(url: str) -> dramatiq.Broker:
    return RedisBroker(url=url)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped


def _connect_okos(url: str) -> dramatiq.Broker:
    return MailboxBroker(url=url)


def _declare(broker: dramatiq.Broker, handler: Handler, **options: Any) -> NoteActor:
    return dramatiq.actor(broker=broker, actor_name="note", **options)(handler)


def _declare_behind_mutex(broker: dramatiq.Broker, handler: Handler) -> NoteActor:
    """Hold a lock of the user for the run, as Dramatiq's guide does; refused, retry soon and for ever."""
    assert isinstance(broker, RedisBroker)  # noqa: S101 - the mutex shares the stock broker's connections
    backend = RedisBackend(client=broker.client)

    def guarded(user: int, seq: int, sleep_ms: int) -> None:
        mutex = ConcurrentRateLimiter(backend, f"user:{user}", limit=1)  # type: ignore[no-untyped-call]  # the same
        with mutex.acquire():
            handler(user, seq, sleep_ms)

    return _declare(broker, guarded, max_retries=None, min_backoff=10, max_backoff=100)


CONTESTANTS = {
    "stock": Contestant(
        title="stock Dramatiq (no order)",
        connect=_connect_stock,
        declare=_declare,
        options_for=lambda _user: {},
    ),
    "mutex": Contestant(
        title="stock Dramatiq + a mutex per user",
        connect=_connect_stock,
        declare=_declare_behind_mutex,
        options_for=lambda _user: {},
    ),
    "okos": Contestant(
        title="Okos (strict order per user)",
        connect=_connect_okos,
        declare=_declare,
        options_for=lambda user: {"mailbox": f"user:{user}"},
    ),
}

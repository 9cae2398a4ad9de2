"""What Dramatiq's consumer thread of one queue holds: an iterator over what the engine claimed for that queue.

It never touches the network, so it never raises: outages are the pump's, and a consumer that raised would be asleep
for three seconds each time.
"""

from __future__ import annotations

import random
import traceback
from dataclasses import replace
from queue import Empty
from typing import TYPE_CHECKING, cast

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ActorNotFound

from okos.mailbox.decision import Ack, Dead, Decision, Release, Retry
from okos.mailbox.delivery import Delivery, enter
from okos.mailbox.errors import BadMessage
from okos.mailbox.policy import RetryPolicy, backoff_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from okos.mailbox.engine import Engine

TRACE_FRAMES = 30


def name_error(exception: BaseException) -> str:
    """Return an exception as one line; of one that fails to say what it is, its type."""
    try:
        return f"{type(exception).__name__}: {exception}"[:2000]
    except Exception:  # noqa: BLE001 - a class of the handler's: unsettled, its message would be held to its time limit
        return f"{type(exception).__name__}: (it cannot be put into words)"


def describe_error(exception: BaseException) -> tuple[str, str]:
    """Return an exception as one line and as a traceback."""
    trace = "".join(traceback.format_exception(type(exception), exception, exception.__traceback__, limit=TRACE_FRAMES))
    return name_error(exception), trace[:20_000]


def decide(delivery: Delivery, policy: RetryPolicy) -> Decision:
    """Decide for a message about which no middleware has: fail closed, an error nobody judged is run again."""
    if delivery.decision is not None:
        return delivery.decision
    exception = delivery.exception
    if exception is not None and (not delivery.failed or isinstance(exception, ActorNotFound)):
        # An unknown actor is met while old and new workers run side by side: another worker may know it.
        return judge(exception, _with_options(policy, delivery.options), delivery.claimed.retries)
    if delivery.failed:
        error, trace = ("rejected", "") if exception is None else describe_error(exception)
        return Dead(error, trace)
    return Ack()


def judge(exception: BaseException, policy: RetryPolicy, retries: int) -> Decision:
    """Decide about a failed attempt by numbers alone."""
    error, trace = describe_error(exception)
    if policy.max_retries is None or retries < policy.max_retries:
        delay_ms = backoff_ms(
            retries,
            min_backoff=policy.min_backoff,
            max_backoff=policy.max_backoff,
            spread=random.random(),
        )
        return Retry(delay_ms, error, trace)
    return Dead(error, trace)


def refuse(delivery: Delivery, error: Exception, policy: RetryPolicy, actor_options: Mapping[str, object]) -> None:
    """Fail an attempt whose follow-up was refused after its handler had ended: nobody is left who could be told.

    By the numbers of the message, its actor or the policy. What breaks a limit would break it again: a dead letter.
    """
    if delivery.exception is not None or delivery.failed or not isinstance(delivery.decision, Ack | None):
        return  # it has not succeeded anyway
    delivery.refused = error
    if isinstance(error, BadMessage):
        delivery.decision = Dead(*describe_error(error))
    else:
        wanted = _with_options(policy, {**actor_options, **delivery.options})
        delivery.decision = judge(error, wanted, delivery.claimed.retries)


def _with_options(policy: RetryPolicy, options: Mapping[str, object]) -> RetryPolicy:
    """Put a message's own numbers before the policy's. What is no number came from outside and is passed over."""
    for name in ("max_retries", "min_backoff", "max_backoff"):
        value = options.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            policy = replace(policy, **{name: value})
    if "max_retries" in options and options["max_retries"] is None:
        policy = replace(policy, max_retries=None)
    return policy


class MailboxConsumer(Consumer):
    """Hands out the messages of one queue and takes back how they ended."""

    def __init__(self, engine: Engine, queue: str, timeout_ms: int) -> None:
        self._engine = engine
        self._inbox = engine.consume(queue)
        self._timeout_s = timeout_ms / 1000

    def __next__(self) -> MessageProxy | None:
        """Wait for the next message, for the worker's timeout at most."""
        try:
            delivery = self._inbox.get(timeout=self._timeout_s)
        except Empty:
            return None
        if self._engine.stopping:
            self._engine.finish(delivery, Release(started=False))
            return None
        return delivery

    def ack(self, message: MessageProxy) -> None:
        """Write how a message ended; returns at once."""
        delivery = cast("Delivery", message)
        decision = decide(delivery, self._engine.options.retry)
        enter(None)
        self._engine.finish(delivery, decision)

    def nack(self, message: MessageProxy) -> None:
        """Bury a message, unless a middleware decided otherwise."""
        self.ack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back what Dramatiq had in memory and did not start."""
        for message in messages:
            self._engine.finish(cast("Delivery", message), Release(started=False))

"""Whether and when a message that failed runs again."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import dramatiq
from dramatiq.middleware import Middleware

from okos.mailbox import decision
from okos.mailbox.consumer import describe_error
from okos.mailbox.delivery import Delivery
from okos.mailbox.errors import BadMessage
from okos.mailbox.policy import RetryPolicy, backoff_ms

if TYPE_CHECKING:
    from dramatiq import Broker
    from dramatiq.broker import MessageProxy

log = logging.getLogger(__name__)

RetryWhen = Callable[[int, BaseException], bool]


class Retry(Middleware):
    """Decides; the engine executes it in the settle, so that an outage loses nothing and the mailbox keeps its order.

    The options have Dramatiq's names and meanings, on an actor or (but for `retry_when`) on a message. A stall is not a
    retry and is not counted here.

    Args:
        max_retries: Runs after the first; None for ever.
        min_backoff: Milliseconds before the first retry; doubles with each, with jitter.
        max_backoff: The longest wait, ms.
        retry_when: Called with the retries so far and the exception; decides alone when it is set.
    """

    def __init__(
        self,
        *,
        max_retries: int | None = 3,
        min_backoff: int = 1_000,
        max_backoff: int = 60_000,
        retry_when: RetryWhen | None = None,
    ) -> None:
        if max_retries is not None and max_retries < 0:
            raise ValueError(f"max_retries must not be negative, or None for ever, not {max_retries}")
        if not 0 <= min_backoff <= max_backoff:
            raise ValueError(f"min_backoff must be from 0 to max_backoff, not {min_backoff} and {max_backoff}")
        self.policy = RetryPolicy(max_retries=max_retries, min_backoff=min_backoff, max_backoff=max_backoff)
        self.retry_when = retry_when

    @property
    def actor_options(self) -> set[str]:
        """The options of Dramatiq's own Retries."""
        return {"max_retries", "min_backoff", "max_backoff", "retry_when", "throws", "on_retry_exhausted"}

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Decide about a run that raised."""
        del result
        if exception is None or not isinstance(message, Delivery) or message.decision is not None:
            return
        actor = broker.actors.get(message.actor_name)
        options = {} if actor is None else actor.options

        def option(name: str, default: Any) -> Any:  # Any: options are open in Dramatiq
            return message.options.get(name, options.get(name, default))

        error, trace = describe_error(exception)
        throws = option("throws", None)
        if isinstance(exception, BadMessage) or (throws and isinstance(exception, throws)):
            message.decision = decision.Dead(error, trace)
            return
        retries = message.claimed.retries
        max_retries = cast("int | None", option("max_retries", self.policy.max_retries))
        retry_when = cast("RetryWhen | None", options.get("retry_when", self.retry_when))
        if retry_when is not None:
            again = retry_when(retries, exception)
        else:
            again = max_retries is None or retries < max_retries
        if not again:
            log.warning("message %s failed for good after %d retries", message.message_id, retries)
            message.decision = decision.Dead(error, trace)
            self._tell(broker, message, option("on_retry_exhausted", None), retries, max_retries)
            return
        if isinstance(exception, dramatiq.Retry) and exception.delay is not None:
            delay_ms = exception.delay
        else:
            delay_ms = backoff_ms(
                retries,
                min_backoff=option("min_backoff", self.policy.min_backoff),
                max_backoff=option("max_backoff", self.policy.max_backoff),
                spread=random.random(),
            )
        log.info("message %s runs again in %d ms", message.message_id, delay_ms)
        message.decision = decision.Retry(delay_ms, error, trace)

    def _tell(
        self, broker: Broker, message: Delivery, target: str | None, retries: int, max_retries: int | None
    ) -> None:
        """Send the message to `on_retry_exhausted`; written together with the burial."""
        if target:
            broker.get_actor(target).send(message.asdict(), {"retries": retries, "max_retries": max_retries})

"""Errors to Sentry: what a message is given up for, and what ends a process or a thread of one.

Rule: a report holds types, places in the code, ids and names, and never what somebody wrote. So no local variables, no
lines of the log, no words of an error (a model's server may quote what it was asked). This module is imported only when
a DSN is set.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import sentry_sdk
from dramatiq.middleware import Middleware
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration

from okos.mailbox.delivery import Delivery
from okos.middleware.metrics import outcome_of

if TYPE_CHECKING:
    from dramatiq import Broker, Worker
    from dramatiq.broker import MessageProxy
    from sentry_sdk.types import Event, Hint

    from okos.settings import Sentry

#: How long an end waits for a server that is away.
FLUSH_S = 2.0
#: What of a report goes out: types and places, ids and names.
_KEPT = (
    "contexts",
    "environment",
    "event_id",
    "exception",
    "level",
    "platform",
    "release",
    "sdk",
    "server_name",
    "tags",
    "timestamp",
)
_KEPT_OF_CONTEXTS = ("runtime", "trace")


def start(settings: Sentry) -> None:
    """Report what ends this process or one of its threads, from now on. Doing it again changes nothing."""
    if settings.dsn is None or sentry_sdk.is_initialized():
        return
    sentry_sdk.init(
        dsn=settings.dsn.get_secret_value(),
        environment=settings.environment,
        release=f"okos@{version('okos')}",
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        before_send=without_words,
        shutdown_timeout=FLUSH_S,
        # No log lines: Dramatiq's hold the arguments of actors.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda *_: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
            ThreadingIntegration(),
        ],
    )


def without_words(event: Event, hint: Hint) -> Event | None:
    """Take out of a report whatever could hold what somebody wrote: of an error its type and its place are left."""
    del hint
    whole: dict[str, Any] = dict(event)  # Any: Sentry's own
    kept = {name: whole[name] for name in _KEPT if name in whole}
    if "contexts" in kept:
        kept["contexts"] = {name: kept["contexts"][name] for name in _KEPT_OF_CONTEXTS if name in kept["contexts"]}
    for error in kept.get("exception", {}).get("values", ()):
        error.pop("value", None)
        for frame in (error.get("stacktrace") or {}).get("frames", ()):
            for name in ("vars", "pre_context", "context_line", "post_context"):
                frame.pop(name, None)
    event.clear()  # type: ignore[attr-defined] # a dict, whatever its type says
    event.update(kept)  # type: ignore[typeddict-item] # a part of what it was
    return event


class Reporting(Middleware):
    """Reports each message that is given up on, once: what runs again is no error yet."""

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Report what was decided to be dead."""
        del broker, result
        if not isinstance(message, Delivery) or message.abandoned:
            return
        exception = exception or message.refused
        if exception is None:
            return
        if outcome_of(message, exception) == "dead":
            with sentry_sdk.new_scope() as scope:
                scope.set_tag("message_id", message.message_id)
                scope.set_tag("mailbox", message.claimed.mailbox)
                scope.set_tag("actor", message.actor_name)
                scope.set_tag("queue", message.queue_name)
                scope.set_tag("attempt", message.claimed.attempt)
                scope.capture_exception(exception)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Send what is left."""
        del broker, worker
        sentry_sdk.flush(FLUSH_S)

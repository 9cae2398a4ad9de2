"""What of a process is told to others' tools, if the settings ask for it: traces and errors.

Each tool is an extra of the package, and is imported only when its address is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from okos.errors import OkosError
from okos.mailbox.boundary import Lifecycle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from okos.mailbox import MailboxBroker
    from okos.settings import Settings

Asked = TypeVar("Asked", contravariant=True)  # noqa: PLC0105 - one word


class Answers(Protocol[Asked]):
    """A model: what a span is put around."""

    def stream(self, conversation: Asked, /) -> AsyncIterator[str]:
        """Answer piece by piece."""


class ExtraMissing(OkosError):
    """A setting asks for what is not installed."""


def trace(broker: MailboxBroker, settings: Settings) -> None:
    """Trace what this broker publishes and runs, if `tracing.endpoint` is set.

    Raises:
        ExtraMissing: It is, and the extra is not installed.
    """
    if settings.tracing.endpoint is None:
        return
    try:
        from okos.middleware.tracing import Tracing  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            "tracing.endpoint is set, and OpenTelemetry is not installed: pip install 'okos[otel]', or unset it"
        ) from error
    # In front of the engine: after a run, and at the end of a worker, it is asked last and sees all.
    broker.add_middleware(Tracing(settings.tracing), before=Lifecycle)


def traced_model(broker: MailboxBroker, model: Answers[Asked]) -> Answers[Asked]:
    """Let a model's calls be spans, if this broker is traced."""
    for one in broker.middleware:
        around = getattr(one, "around_model", None)
        if around is not None:
            wrapped: Answers[Asked] = around(model)
            return wrapped
    return model


def report_crashes(settings: Settings) -> bool:
    """Report what ends this process or one of its threads, if `sentry.dsn` is set; returns whether it is.

    Raises:
        ExtraMissing: It is, and the extra is not installed.
    """
    if settings.sentry.dsn is None:
        return False
    try:
        from okos.middleware.reporting import start  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            "sentry.dsn is set, and Sentry's SDK is not installed: pip install 'okos[sentry]', or unset it"
        ) from error
    start(settings.sentry)
    return True


def report(broker: MailboxBroker, settings: Settings) -> None:
    """Report crashes of this process, and what this broker's worker gives up on, if `sentry.dsn` is set.

    Raises:
        ExtraMissing: It is, and the extra is not installed.
    """
    if report_crashes(settings):
        from okos.middleware.reporting import Reporting  # noqa: PLC0415 - an extra

        broker.add_middleware(Reporting(), before=Lifecycle)

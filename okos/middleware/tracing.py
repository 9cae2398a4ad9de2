"""Traces by OpenTelemetry: one for each message that comes in, up to where its answers are sent.

    publish text                 the gateway or a local client puts a message in
      wait text                  it waits in its mailbox
      run text                   an attempt; each has one
        model                    the model's answer, from the question to the last piece
        publish outbox.…         an answer is handed to the run
          wait outbox.…          it waits to be sent
          run deliver            it is sent
        settle text          the attempt's end is written, and with it the answers

What connects them travels as the option `traceparent` of a message (W3C Trace Context, 55 characters). Rule: an
attribute holds ids, names and numbers, and never what somebody wrote: of an error, its type. This module is imported
only when tracing is on.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dramatiq.middleware import Middleware
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from okos.mailbox.delivery import Delivery
from okos.middleware.metrics import outcome_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import dramatiq
    from dramatiq import Broker, Worker
    from dramatiq.broker import MessageProxy
    from opentelemetry.context import Context

    from okos.middleware.telemetry import Answers
    from okos.settings import Tracing as TracingSettings

OPTION = "traceparent"
#: Version 00 of the form; what is longer was not written by us.
MOST_CHARACTERS = 55
#: How long an end waits for a collector that is away, and how often spans are sent.
EXPORT_S = 3.0
EVERY_MS = 1_000
#: Published and never accepted (a full mailbox): so many are remembered.
MOST_OPEN = 256

Asked = TypeVar("Asked", contravariant=True)  # noqa: PLC0105 - one word

_WRITTEN = TraceContextTextMapPropagator()
_open: ContextVar[tuple[Span, Token[Context]] | None] = ContextVar("okos_span", default=None)


class Tracing(Middleware):
    """Makes the spans of a process and sends them.

    Args:
        settings: Where to, and of how many messages.
    """

    def __init__(self, settings: TracingSettings) -> None:
        self._provider = TracerProvider(
            resource=Resource({"service.name": settings.service_name}),
            sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
        )
        exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EVERY_MS))
        self._tracer = self._provider.get_tracer("okos")
        self._published: OrderedDict[str, Span] = OrderedDict()

    def around_model(self, model: Answers[Asked]) -> TracedModel[Asked]:
        """Let a model's calls be spans."""
        return TracedModel(model, self._tracer)

    def before_enqueue(
        self, broker: Broker, message: dramatiq.Message[Any], delay: int | None
    ) -> None:  # Any: Dramatiq's
        """Begin a trace, or go on with that of the run which publishes. What is repeated stays where it was."""
        del broker, delay
        if message.options.get("housekeeping") or OPTION in message.options:
            return
        span = self._tracer.start_span(
            f"publish {message.queue_name}", kind=SpanKind.PRODUCER, attributes=_about(message)
        )
        written: dict[str, str] = {}
        _WRITTEN.inject(written, trace.set_span_in_context(span))
        message.options.update(written)
        on_dead = message.options.get("on_dead")
        if on_dead is not None:
            message.options["on_dead"] = on_dead.copy(options=written)
        self._published[message.message_id] = span
        while len(self._published) > MOST_OPEN:
            self._end_published(next(iter(self._published)))

    def after_enqueue(
        self, broker: Broker, message: dramatiq.Message[Any], delay: int | None
    ) -> None:  # Any: Dramatiq's
        """End the span of publishing: the message is accepted, or an effect of the run."""
        del broker, delay
        self._end_published(message.message_id)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Tell of the wait that is over, and begin the attempt."""
        del broker
        if not isinstance(message, Delivery) or message.options.get("housekeeping"):
            return
        claimed, about, parent = message.claimed, _about(message), _read(message.options.get(OPTION))
        about |= {"okos.mailbox": claimed.mailbox, "okos.attempt": claimed.attempt, "okos.retries": claimed.retries}
        if claimed.attempt == 1 and not claimed.epoch:
            now_ns = time.time_ns()
            self._tracer.start_span(
                f"wait {message.queue_name}",
                context=parent,
                attributes=about,
                start_time=now_ns - claimed.waited_ms * 1_000_000,
            ).end(now_ns)
        span = self._tracer.start_span(
            f"run {message.actor_name}", context=parent, kind=SpanKind.CONSUMER, attributes=about
        )
        inside = trace.set_span_in_context(span)
        written: dict[str, str] = {}
        _WRITTEN.inject(written, inside)
        message.run.on_dead_options = written
        _open.set((span, context.attach(inside)))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """End the attempt, as it was decided about."""
        del broker, result
        self._end_run(message, exception)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """End an attempt that a middleware skipped."""
        del broker
        self._end_run(message, None)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Send what is left; nothing runs any more, and all is written."""
        del broker, worker
        self._provider.shutdown()

    def _end_run(self, message: MessageProxy, exception: BaseException | None) -> None:
        opened = _open.get()
        if opened is None or not isinstance(message, Delivery):
            return
        exception = exception or message.refused
        span, token = opened
        _open.set(None)
        context.detach(token)
        outcome = "abandoned" if message.abandoned else outcome_of(message, exception)
        span.set_attribute("okos.outcome", outcome)
        if exception is not None and outcome in ("retry", "dead"):
            _fail(span, exception)
        settle = self._tracer.start_span(
            f"settle {message.queue_name}", context=trace.set_span_in_context(span), attributes=_about(message)
        )
        message.on_settled = settle.end
        span.end()

    def _end_published(self, message_id: str) -> None:
        span = self._published.pop(message_id, None)
        if span is not None:
            span.end()


class TracedModel(Generic[Asked]):
    """A model whose calls are spans. Closing the iterator ends both.

    Args:
        model: What answers.
        tracer: Of this process.
    """

    def __init__(self, model: Answers[Asked], tracer: trace.Tracer) -> None:
        self._model = model
        self._tracer = tracer

    async def stream(self, conversation: Asked, /) -> AsyncGenerator[str]:
        """Answer piece by piece."""
        # Not the current one: a generator may be closed from another context than it began in.
        span = self._tracer.start_span("model", kind=SpanKind.CLIENT)
        pieces = self._model.stream(conversation)
        count = 0
        try:
            async for piece in pieces:
                if not count:
                    span.add_event("first piece")
                count += 1
                yield piece
        except Exception as error:
            _fail(span, error)
            raise
        finally:
            span.set_attribute("okos.pieces", count)
            span.end()
            aclose = getattr(pieces, "aclose", None)
            if aclose is not None:
                await aclose()


def _about(message: dramatiq.Message[Any] | MessageProxy) -> dict[str, str | int]:
    """Say which message a span is about."""
    about: dict[str, str | int] = {
        "messaging.system": "okos",
        "messaging.message.id": message.message_id,
        "messaging.destination.name": message.queue_name,
        "okos.kind": message.actor_name,
    }
    mailbox = message.options.get("mailbox")
    return about | ({"okos.mailbox": mailbox} if isinstance(mailbox, str) else {})


def _read(traceparent: object) -> Context | None:
    """Read what a message brought; what is none begins a trace."""
    if not isinstance(traceparent, str) or len(traceparent) > MOST_CHARACTERS:
        return context.Context()
    return _WRITTEN.extract({OPTION: traceparent}, context.Context())


def _fail(span: Span, error: BaseException) -> None:
    """Mark what failed by the type of its error: its words may be somebody's."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR, type(error).__name__)

"""Entry point of the workers: `dramatiq okos.actors`.

Unlike any other module it does its work when it is imported, for that is how Dramatiq starts a worker: it reads the
settings, builds the broker and the model, and loads the handlers of the configured package. What is wrong with any of
them ends the worker with one line and exit code 1.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from okos.assistant.attend import Assistant
from okos.assistant.loader import load
from okos.broker import build_broker
from okos.errors import OkosError
from okos.log import configure_logging
from okos.mailbox import current_run, describe_run
from okos.middleware import Metrics
from okos.middleware.telemetry import traced_model
from okos.model import build_model
from okos.settings import load_settings
from okos.template import handlers_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from okos.mailbox import MailboxBroker
    from okos.model.chat import ChatModel
    from okos.model.offline import OfflineResponder


class CloseModel(Middleware):
    """Closes the model's connections when a worker ends, while its event loop still runs."""

    def __init__(self, model: ChatModel | OfflineResponder) -> None:
        self._model = model

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Nothing runs on the loop any more but this."""
        del broker, worker
        # What cannot be closed now ends with the process.
        with suppress(RuntimeError):
            wait_for(self._model.aclose())


def wait_for(coroutine: Coroutine[Any, Any, None]) -> None:  # Any: what a coroutine yields and takes is asyncio's own
    """Run a coroutine on the event loop of this worker process and wait for it."""
    loop = get_event_loop_thread()
    if loop is None:
        coroutine.close()
        raise RuntimeError("the event loop of this worker does not run")
    loop.run_coroutine(coroutine)


def monotonic_ms() -> int:
    """Tell the time on a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


def counted_by(broker: MailboxBroker) -> Callable[[int, int], None]:
    """Let the tokens that the model used be counted with what else this process measures."""
    meters = [one.meter for one in broker.middleware if isinstance(one, Metrics)]

    def count(prompt_tokens: int, completion_tokens: int) -> None:
        for meter in meters:
            meter.count("prompt_tokens", prompt_tokens)
            meter.count("completion_tokens", completion_tokens)

    return count


def start() -> MailboxBroker:
    """Build everything that a worker needs and declare its actors.

    Raises:
        OkosError: A setting is wrong, there is no server, it holds what another release has stored, or the handlers
            cannot be loaded.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, levels=settings.log_levels, describe_run=describe_run)
    broker = build_broker(settings)
    broker.require_schema()
    dramatiq.set_broker(broker)
    model = build_model(settings.model, on_usage=counted_by(broker))
    broker.add_middleware(CloseModel(model))
    assistant = Assistant(
        store=broker,
        model=traced_model(broker, model),
        system_prompt=settings.model.system_prompt,
        memory_turns=settings.memory.turns,
        memory_ttl_ms=settings.memory.ttl_s * 1000,
        max_backoff_ms=settings.max_backoff_ms,
        current_run=current_run,
        wait_for=wait_for,
        now_ms=monotonic_ms,
        ears=model,
    )
    shipped = handlers_directory(settings.handlers)
    if shipped is not None:
        sys.path.append(str(shipped))
    load(settings.handlers, broker, assistant)
    return broker


try:
    broker = start()
except OkosError as error:
    print(f"okos: {error}", file=sys.stderr)  # noqa: T201 - one line for the person who starts it, whatever the log is
    sys.exit(1)

"""Delivery: the gateway's own worker, which takes replies out of the outbox and says them in their chats."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

from okos.middleware import History, Retry, Shutdown, TimeLimit, UserMutex
from okos.outbox import DELIVER
from okos.telegram.download import QUEUE as DOWNLOAD
from okos.telegram.envelope import OUTBOX

if TYPE_CHECKING:
    from dramatiq.middleware import Middleware

    from okos.envelope import Envelope
    from okos.mailbox import MailboxBroker
    from okos.settings import Settings
    from okos.telegram.client import Client
    from okos.telegram.download import Downloads

THREADS = 16

_log = structlog.get_logger()


def delivery_middleware(settings: Settings) -> list[Middleware]:
    """Order the policies of the gateway's worker: what it has in hand is said in the end, however often it fails."""
    done, dead = settings.remove_on_complete, settings.remove_on_fail
    return [
        UserMutex(),
        TimeLimit(time_limit=settings.time_limit_ms),
        Shutdown(grace_ms=settings.shutdown_grace_ms),
        History(
            done_count=done.count,
            done_age_ms=done.age_s * 1000,
            dead_count=dead.count,
            dead_age_ms=dead.age_s * 1000,
        ),
        Retry(max_retries=None, min_backoff=500, max_backoff=30_000),
    ]


class Delivery:
    """Runs the outbox in threads of this process, beside the event loop of the client.

    Args:
        client: Through which is said what is to be said.
        broker: The gateway's, with `delivery_middleware`.
        settings: How fast, and how a preview is shown.
        loop: The client's.
        downloads: The other actor of this worker.
    """

    def __init__(
        self,
        *,
        client: Client,
        broker: MailboxBroker,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        downloads: Downloads,
    ) -> None:
        self._client = client
        self._broker = broker
        self._settings = settings
        self._loop = loop
        dramatiq.actor(broker=broker, actor_name=DELIVER, queue_name=OUTBOX)(self._deliver)
        downloads.declare()
        self._worker = dramatiq.Worker(broker, queues={OUTBOX, DOWNLOAD}, worker_threads=THREADS)

    async def start(self) -> None:
        """Begin to deliver."""
        await self._loop.run_in_executor(None, self._start)

    async def stop(self, grace_ms: int) -> None:
        """Stop delivering; what is not said is left in the outbox. Never raises."""
        await self._loop.run_in_executor(None, self._worker.stop, grace_ms)

    def accepted(self, envelope: Envelope) -> None:
        """Note that a message is in its mailbox: its turn comes. On the loop."""

    def withdrawn(self, envelope_id: str) -> None:
        """Note that a message has no answer to come. On the loop."""

    def emptied(self, mailbox: str) -> None:
        """Note that nothing of a mailbox has an answer to come. On the loop."""

    def _start(self) -> None:
        self._broker.emit_after("process_boot")
        self._worker.start()

    def _deliver(self, body: Any) -> None:  # Any: JSON
        raise NotImplementedError

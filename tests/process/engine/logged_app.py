"""More handlers for the engine's process tests, which log as those of Okos do: `dramatiq logged_app`."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog
from dramatiq.middleware import Callbacks, Middleware, SkipMessage
from engine_app import broker

from okos.log import configure_logging
from okos.mailbox import describe_run

if TYPE_CHECKING:
    from dramatiq.broker import MessageProxy

__all__ = ["broker"]

configure_logging("info", "json", describe_run=describe_run)
log = structlog.get_logger("logged_app")
plain = logging.getLogger("logged_app.plain")


class Talks(Middleware):
    """Says that it was asked, before and after each attempt; skips those whose first argument is 'skipped'."""

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Skip, or not."""
        del broker
        if message.args[0] == "skipped":
            raise SkipMessage("not this one")

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Say something."""
        del broker, message, result, exception
        log.info("after")


broker.add_middleware(Talks())
broker.add_middleware(Callbacks())


@dramatiq.actor(queue_name="text")
def tell(user: str, number: int, fails: int = 0) -> None:
    """Log by both roads; fail the first `fails` attempts."""
    log.info("said", user=user, number=number)
    plain.info("plain")
    if int(describe_run()["attempt"]) <= fails:
        raise ValueError("as it was told")


@dramatiq.actor(queue_name="photo")
async def tell_async(user: str, number: int) -> None:
    """Likewise as a coroutine that others overtake, with a field of its own and a task that it starts."""
    structlog.contextvars.bind_contextvars(**{f"own_{user}": number})
    log.info("said", user=user, number=number)
    await asyncio.sleep(0.001 * (number % 3))
    log.info("said", user=user, number=number)
    await asyncio.create_task(_tell_from_a_task(user, number))


async def _tell_from_a_task(user: str, number: int) -> None:
    await asyncio.sleep(0)
    log.info("said", user=user, number=number)


@dramatiq.actor(queue_name="text")
def stay(user: str, number: int, gate: str) -> None:
    """Hear no interrupt until the file `gate` is there; then log."""
    is_open = False
    while not is_open:
        try:
            time.sleep(0.01)
            is_open = Path(gate).exists()
        except BaseException:  # noqa: BLE001, S112  # what it is for
            continue
    log.info("said", user=user, number=number)


@dramatiq.actor(queue_name="text")
def run_on(user: str, number: int) -> None:
    """Run until it is interrupted."""
    del user, number
    while True:
        time.sleep(0.01)


@dramatiq.actor(queue_name="text")
def told(message: object, result: object) -> None:
    """Be the follow-up of another."""
    del message, result
    log.info("told")

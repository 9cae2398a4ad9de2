"""Workers with the handlers of a test: all of the road from a handler to the chat is the real one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import dramatiq
from delivering import LEASE_MS
from real_server import eventually
from redis import Redis

from okos.assistant.attend import Assistant
from okos.mailbox import MailboxBroker, current_run
from okos.model import OfflineResponder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datacentre import Chat, DataCentre, Message, User

    from okos.assistant.mark import Handler


@contextlib.contextmanager
def attending(url: str, namespace: str, handler: Handler, *kinds: str) -> Iterator[MailboxBroker]:
    """Run workers whose turns this handler answers, those of texts unless other kinds are named; gives their broker."""
    broker = MailboxBroker(url, namespace=namespace, lease_ms=LEASE_MS, max_stalls=20)
    assistant = Assistant(
        store=broker,
        model=OfflineResponder(pause_ms=0),
        system_prompt="",
        memory_turns=0,
        memory_ttl_ms=1_000,
        max_backoff_ms=1_000,
        current_run=current_run,
        wait_for=asyncio.run,
        now_ms=lambda: time.monotonic_ns() // 1_000_000,
    )

    def attend(body: object) -> None:
        assistant.attend(handler, body)

    for kind in kinds or ("text",):
        dramatiq.actor(broker=broker, actor_name=kind, queue_name=kind, min_backoff=10)(attend)
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
    broker.emit_after("process_boot")
    worker.start()
    eventually(broker.workers)  # a gateway asks which kinds they handle
    try:
        yield broker
    finally:
        worker.stop()
        broker.close()


def said(dc: DataCentre, where: User | Chat) -> list[Message]:
    """Give what the bot said in a chat, top to bottom."""
    return [message for message in dc.visible(where) if message.out]


def file_keys(url: str, namespace: str) -> list[str]:
    """Name what the store has of files that are replied with."""
    with Redis.from_url(url) as client:
        names = [key.decode() for key in client.scan_iter(match=f"{{{namespace}}}:store:s:*")]
    return [name for name in names if ":reply:" in name or ":uploaded:" in name or ":said:" in name]

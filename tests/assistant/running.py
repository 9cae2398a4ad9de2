"""A worker and its server, both real, and a client that publishes and reads replies as a channel does."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dramatiq
from real_server import DEADLINE_S, eventually

from okos.envelope import Attachment, Envelope, Reply
from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).parents[2]
DRAMATIQ = Path(sys.executable).with_name("dramatiq")
OUTBOX = "outbox.local.test"


@dataclass
class Client:
    """What a channel does with the store: publish envelopes, take replies."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.broker = MailboxBroker(self.url, middleware=[])
        self._outbox = self.broker.consume(OUTBOX, prefetch=1, timeout=100)

    # Any: a field of an envelope.
    def publish(self, text: str = "", *, kind: str = "text", **fields: Any) -> str:
        message_id = f"m{next(self._numbers)}"
        envelope = Envelope(
            id=message_id,
            channel="local",
            chat="7",
            user="7",
            kind=kind,
            text=text,
            sent_at_ms=0,
            reply_to=OUTBOX,
            **fields,
        )
        self.publish_body(envelope.encode(), kind=kind, message_id=message_id, mailbox=envelope.mailbox)
        return message_id

    def publish_body(self, body: object, *, kind: str, message_id: str, mailbox: str = "local:7") -> None:
        options = {"mailbox": mailbox, "dedup_id": message_id}
        self.broker.enqueue(dramatiq.Message(kind, kind, (body,), {}, options, message_id=message_id))

    def publish_photo(self, content: bytes, text: str = "") -> str:
        self.broker.write("file:1", content, ttl_ms=600_000)
        attachment = Attachment(name="file:1", mime=None, file_name="cat.png", size_bytes=len(content))
        return self.publish(text, kind="photo", attachment=attachment)

    def wait_for_replies(self, count: int) -> list[Reply]:
        """Take replies until there are so many."""
        eventually(lambda: self._take() >= count)
        return self.replies

    def close(self) -> None:
        self._outbox.close()
        self.broker.close()

    def _take(self) -> int:
        message = next(self._outbox)
        if message is not None:
            self.replies.append(Reply.decode(message.args[0]))
            self._outbox.ack(message)
        return len(self.replies)


@contextmanager
def a_client(url: str) -> Iterator[Client]:
    client = Client(url)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def a_worker(url: str, home: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dramatiq okos.actors` as `okos up` does, until the block ends; no pause outlasts its lease."""
    quick = {"OKOS_LEASE_MS": "10000", "OKOS_MIN_BACKOFF_MS": "50", "OKOS_SHUTDOWN_GRACE_MS": "100"}
    environment = an_environment(home, OKOS_REDIS_URL=url, **quick | settings)
    log = home / "worker.log"
    with log.open("ab") as output:
        worker = subprocess.Popen(
            [DRAMATIQ, "okos.actors", "-p", "1", "-t", "2"],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        stop(worker)
        print(log.read_text())  # noqa: T201 - pytest shows it when a test fails


def stop(worker: subprocess.Popen[bytes]) -> int:
    """End a worker as a supervisor does, and what it left behind if it does not end."""
    worker.terminate()
    try:
        return worker.wait(DEADLINE_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def an_environment(home: Path, **settings: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    return {**kept, "OKOS_CONFIG": os.devnull, "OKOS_HOME": str(home), **settings}

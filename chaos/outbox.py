"""The reader of the replies: a client with a worker of its own, in the harness, which nobody kills."""

import time
from dataclasses import dataclass

import dramatiq

from chaos.letter import OUTBOX
from okos.mailbox import MailboxBroker, current_run
from okos.middleware import Retry, UserMutex


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that came: whose, and of which run of which message."""

    at_ns: int
    user: str
    seq: int
    token: str


class Outbox:
    """Consumes the replies from when it is opened until it is closed."""

    def __init__(self, url: str, *, lease_ms: int) -> None:
        self._broker = MailboxBroker(
            url, lease_ms=lease_ms, client=True, middleware=[UserMutex(), Retry(max_retries=None)]
        )
        self.replies: list[Reply] = []
        dramatiq.actor(actor_name="deliver", queue_name=OUTBOX, broker=self._broker)(self._deliver)
        self._worker = dramatiq.Worker(self._broker, worker_threads=2)
        self._worker.start()

    def _deliver(self, user: str, seq: int, token: str) -> None:
        assert current_run() is not None  # noqa: S101 - a handler has a run
        self.replies.append(Reply(time.monotonic_ns(), user, seq, token))

    def close(self) -> None:
        """Stop reading."""
        self._worker.stop()
        self._broker.close()

"""The local channel: messages typed on this machine take the same road as those from Telegram.

A client has an outbox of its own, `outbox.local.<8 hex>`, and consumes it with a stock Dramatiq worker of one thread
in this process. A reply is acked after it was handed over: one that was not is delivered again (to this process only,
and it expires an hour after it was written). So whoever is handed replies may see one twice, with the same message
id; `Seen` is for them.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import dramatiq
from dramatiq.middleware import CurrentMessage

from okos.envelope import Attachment, Envelope, Reply
from okos.intake import kinds_handled, publish
from okos.mailbox import MailboxBroker, MailboxFull, StoreUnavailable
from okos.middleware import History, Shutdown
from okos.middleware.telemetry import trace
from okos.outbox import DELIVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from okos.local.question import Question
    from okos.settings import Settings

# A file is fetched by its turn; one whose turn has not come in a day is no longer waited for.
ATTACHMENT_TTL_MS = 86_400_000

# A server that restarts is back well within this time.
PATIENCE_MS = 15_000

_PAUSE_S = 0.25
_SUBSCRIBE_S = 3.0
_GRACE_MS = 1_000
_STOP_MS = 3_000
# How often its threads look whether to stop: a person waits for that.
_LOOK_MS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A reply that came out of the outbox. `written_ms` is when its handler handed it over, by the worker's clock."""

    reply: Reply
    message_id: str
    written_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What an answer looks like so far. `attempt` is greater for a later attempt at the same message."""

    envelope_id: str
    attempt: int
    text: str


def wall_ms() -> int:
    """Tell the time of day, as it goes into an envelope."""
    return time.time_ns() // 1_000_000


class LocalChannel:
    """One local client, from entering until leaving.

    Args:
        settings: Those of the Okos to talk to; `redis_url` is set.
        on_reply: Is handed each reply, on a thread of the channel, in the order of its chat.
        on_glimpse: Is handed what is being written, on another thread; None if nobody looks.
        now_ms: The time of day.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_reply: Callable[[Delivered], None],
        on_glimpse: Callable[[Glimpse], None] | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        if settings.redis_url is None:
            raise ValueError("a local channel needs the address of a server")
        self.outbox = f"outbox.local.{secrets.token_hex(4)}"
        self.broker = MailboxBroker(
            settings.redis_url,
            namespace=settings.namespace,
            lease_ms=settings.lease_ms,
            middleware=[CurrentMessage(), Shutdown(grace_ms=_GRACE_MS), _history(settings)],
            client=True,
        )
        trace(self.broker, settings)
        self._settings = settings
        self._on_reply = on_reply
        self._on_glimpse = on_glimpse
        self._now_ms = now_ms
        self._handled: frozenset[str] | None = None
        self._worker = dramatiq.Worker(self.broker, queues={self.outbox}, worker_threads=1, worker_timeout=_LOOK_MS)
        self._closed = threading.Event()
        self._listens = threading.Event()

    def __enter__(self) -> Self:
        dramatiq.actor(broker=self.broker, actor_name=DELIVER, queue_name=self.outbox)(self._deliver)
        self.broker.emit_after("process_boot")
        self._worker.start()
        if self._on_glimpse is not None:
            threading.Thread(target=self._listen, name="okos-glimpses", daemon=True).start()
            self._listens.wait(_SUBSCRIBE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._worker.stop(_STOP_MS)
        self.broker.close()

    def envelope(self, question: Question, *, user: str) -> Envelope:
        """Address a question: from here, to be answered to here. It is not sent yet."""
        envelope_id = uuid.uuid4().hex
        photo = question.photo
        return Envelope(
            id=envelope_id,
            channel="local",
            chat=user,
            user=user,
            kind=question.kind,
            text=question.text,
            emoji=question.emoji,
            sent_at_ms=self._now_ms(),
            reply_to=self.outbox,
            attachment=None
            if photo is None
            else Attachment(
                name=f"attachment:{envelope_id}",
                mime=photo.mime,
                file_name=photo.file_name,
                size_bytes=len(photo.content),
            ),
        )

    def send(self, envelope: Envelope, question: Question, *, patience_ms: int = PATIENCE_MS) -> None:
        """Send a question under its envelope; it is accepted when this returns.

        Args:
            envelope: Made for this question by `envelope`.
            question: What it holds.
            patience_ms: How long a server that does not answer is asked again.

        Raises:
            MailboxFull: The user has too many messages waiting; this one was not accepted.
            StoreUnavailable: The server did not answer for `patience_ms`.
        """
        deadline = time.monotonic() + patience_ms / 1000
        while True:
            try:
                self._send_once(envelope, question)
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                self._closed.wait(_PAUSE_S)
            else:
                return

    def take_file(self, file: Attachment) -> bytes | None:
        """Take the bytes of a file that was replied out of the store; None if they are gone.

        Who does not take them leaves them there: they end an hour after they were written.

        Raises:
            StoreUnavailable: The server did not answer.
        """
        content = self.broker.read(file.name)
        with suppress(StoreUnavailable):  # what was read is not lost for that; it ends by itself
            self.broker.delete(file.name)
        return content

    def _send_once(self, envelope: Envelope, question: Question) -> None:
        if self._handled is None:
            self._handled = kinds_handled(self.broker.workers(), self._settings)
        if envelope.attachment is not None and question.photo is not None:
            self.broker.write(envelope.attachment.name, question.photo.content, ttl_ms=ATTACHMENT_TTL_MS)
        try:
            publish(self.broker, envelope, settings=self._settings, handled=self._handled)
        except MailboxFull:
            # Nobody will read the file of a message that was not accepted.
            if envelope.attachment is not None:
                with suppress(StoreUnavailable):
                    self.broker.delete(envelope.attachment.name)
            raise

    def _deliver(self, body: object) -> None:
        """Hand a reply over; run by the worker, which acks it then."""
        message: dramatiq.Message[Any] | None = CurrentMessage.get_current_message()
        if message is None:
            raise RuntimeError("a reply is delivered by the worker only")
        self._on_reply(
            Delivered(reply=Reply.decode(body), message_id=message.message_id, written_ms=message.message_timestamp)
        )

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                with self.broker.previews(self.outbox) as payloads:
                    self._listens.set()
                    for payload in payloads:
                        if self._closed.is_set():
                            return
                        glimpse = None if payload is None else read_glimpse(payload)
                        if glimpse is not None and self._on_glimpse is not None:
                            self._on_glimpse(glimpse)
            except StoreUnavailable:
                self._closed.wait(_PAUSE_S)


def _history(settings: Settings) -> History:
    """Keep replies that were handed over as all that is done is kept: a message's timeline tells of them."""
    done, dead = settings.remove_on_complete, settings.remove_on_fail
    return History(
        done_count=done.count,
        done_age_ms=done.age_s * 1000,
        dead_count=dead.count,
        dead_age_ms=dead.age_s * 1000,
    )


def read_glimpse(payload: bytes) -> Glimpse | None:
    """Read a preview; None if it is none that this version understands: nothing depends on one."""
    try:
        fields = json.loads(payload)
        # A token is a number that grows with each attempt, and random bits.
        attempt = int(fields["token"].partition("-")[0])
        return Glimpse(envelope_id=str(fields["id"]), attempt=attempt, text=str(fields["text"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class Seen:
    """Which replies were handed over already. One thread asks: the channel's."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def is_new(self, delivered: Delivered) -> bool:
        """Tell whether this reply is seen for the first time, and remember it."""
        new = delivered.message_id not in self._ids
        self._ids.add(delivered.message_id)
        return new

"""One question, one answer: `okos ask`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from okos.errors import OkosError
from okos.local.channel import Delivered, LocalChannel, Seen
from okos.local.received import in_lines

if TYPE_CHECKING:
    from pathlib import Path

    from okos.local.question import Question
    from okos.settings import Settings


class NoAnswer(OkosError):
    """The question was not answered; the message is the reason, or the apology."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, a text for each reply."""

    texts: tuple[str, ...]

    def __str__(self) -> str:
        return "\n\n".join(self.texts)


def ask(settings: Settings, question: Question, *, user: str, timeout_ms: int, directory: Path | None = None) -> Answer:
    """Send a question to a running Okos and wait for its answer.

    Args:
        settings: Those of the running Okos.
        question: What is asked.
        user: By whom.
        timeout_ms: How long to wait.
        directory: Where files of the answer are kept; None keeps none.

    Raises:
        NoAnswer: It did not come in time, the message was given up on, or the answer is empty.
        MailboxFull: The user has too many messages waiting; nothing was sent.
        StoreUnavailable: The server did not take it.
    """
    deadline = time.monotonic() + timeout_ms / 1000
    arrived: SimpleQueue[Delivered] = SimpleQueue()
    seen = Seen()
    texts: list[str] = []
    with LocalChannel(settings, on_reply=arrived.put) as channel:
        envelope = channel.envelope(question, user=user)
        channel.send(envelope, question, patience_ms=timeout_ms)
        while True:
            try:
                delivered = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise NoAnswer(
                    f"no answer within {timeout_ms / 1000:g} s; --timeout allows more, `okos status` shows what waits"
                ) from None
            reply = delivered.reply
            if not seen.is_new(delivered) or reply.envelope_id != envelope.id:
                continue
            if reply.failed:
                raise NoAnswer(reply.text)
            text = in_lines(reply, take=channel.take_file, directory=directory)
            if text.strip():
                texts.append(text)
            if reply.last:
                break
    if not texts:
        raise NoAnswer("the handler of this kind of message gave no answer")
    return Answer(tuple(texts))

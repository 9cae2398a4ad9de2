"""A chat read from a pipe: each line is a message, each answer is printed when it comes, in the order of the lines.

Lines are read as they come, and no faster than they are answered: a pipe that never ends fills no mailbox.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, BinaryIO

from okos.errors import OkosError
from okos.local.channel import PATIENCE_MS, Delivered, LocalChannel, Seen
from okos.local.pending import Pending
from okos.local.question import MOST_TEXT_BYTES, Question, Unusable, decode_text
from okos.local.received import in_lines
from okos.mailbox import MailboxFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from okos.settings import Settings

QUIT = "/quit"

# Enough that the workers never wait for us, few enough that nobody's mailbox is filled by one pipe.
MOST_PENDING = 16
# How long a mailbox that others have filled is tried again.
_PAUSE_S = 0.5
# Say that it takes long, rather than nothing.
_PATIENCE_S = 60.0


class NotAllAnswered(OkosError):
    """Some lines have no answer; which ones was told when it was known."""


class Relay:
    """Sends lines as the messages of one user and writes the answers.

    Args:
        settings: Those of a running Okos.
        user: Whose messages they are.
        write: Takes an answer, on another thread.
        complain: Takes the reason why a line has no answer, on any thread.
        directory: Where files of answers are kept; None keeps none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        user: str,
        write: Callable[[str], None],
        complain: Callable[[str], None],
        directory: Path | None = None,
    ) -> None:
        self._user = user
        self._write = write
        self._complain = complain
        self._directory = directory
        self._pending = Pending()
        self._seen = Seen()
        self._unanswered = 0
        self._channel = LocalChannel(settings, on_reply=self._deliver)

    def run(self, lines: BinaryIO) -> None:
        """Send each line; return when every answer has come. An empty line is none, `/quit` is the end.

        Raises:
            NotAllAnswered: Not every line has an answer; for which ones, and why, was said when it was known.
            StoreUnavailable: The server was away for too long; nobody is told what it answers later.
        """
        with self._channel:
            for number, line in enumerate(read_lines(lines), start=1):
                if line.strip() == QUIT.encode():
                    break
                if line.strip():
                    self._take(number, line)
            while not self._pending.wait_until_at_most(0, timeout_s=_PATIENCE_S):
                self._complain("still waiting for an answer; `okos status` shows whether a worker is alive")
        if self._unanswered:
            are = "message has" if self._unanswered == 1 else "messages have"
            raise NotAllAnswered(f"{self._unanswered} {are} no answer")

    def _take(self, number: int, line: bytes) -> None:
        try:
            question = Question(text=decode_text(line))
        except Unusable as error:
            self._unanswered += 1
            self._complain(f"line {number} was not sent: {error}")
        else:
            self._pending.wait_until_at_most(MOST_PENDING - 1)
            self._send(question)

    def _send(self, question: Question) -> None:
        """Send a question. A full mailbox is tried again after each answer; one that others fill, not for ever."""
        envelope = self._channel.envelope(question, user=self._user)
        self._pending.add(envelope.id)
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            try:
                self._channel.send(envelope, question)
            except MailboxFull:
                others = self._pending.count() - 1
                if others:
                    self._pending.wait_until_at_most(others, timeout_s=_PAUSE_S)
                elif time.monotonic() > deadline:
                    raise
                else:
                    time.sleep(_PAUSE_S)
            else:
                return

    def _deliver(self, delivered: Delivered) -> None:
        reply = delivered.reply
        try:
            if self._seen.is_new(delivered):
                if reply.failed:
                    self._unanswered += 1
                    self._complain(reply.text)
                else:
                    text = in_lines(reply, take=self._channel.take_file, directory=self._directory)
                    if text.strip():
                        self._write(text)
        except OSError as error:  # nobody reads what we write
            self._pending.fail(error)
            return
        if reply.last:
            self._pending.remove(reply.envelope_id)


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Give each line without its end; of one that is longer than a text may be, only enough to see that."""
    while line := stream.readline(MOST_TEXT_BYTES + 2):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(MOST_TEXT_BYTES)
        yield line.rstrip(b"\r\n")

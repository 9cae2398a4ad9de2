"""What runs around a handler: from the envelope that was claimed to the effects that are committed with its ack.

The one rule: everything that a turn leaves behind (its replies, its memory) is given to the run, and the run is
committed as a whole or not at all. So a turn that fails half-way, is killed, or is cancelled leaves nothing, and the
next attempt cannot double anything. And no turn ends in silence: one that is given up on leaves an apology.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import dramatiq
import orjson
import structlog

from okos.assistant import memory
from okos.assistant.file import File, FileReply
from okos.assistant.preview import Preview
from okos.assistant.prompt import conversation, in_words
from okos.assistant.turn import ATTACHMENT_GONE, Hears, Model, Turn
from okos.envelope import MOST_FILE_BYTES, Attachment, Envelope, Reply
from okos.errors import OkosError
from okos.model import ModelBusy, ModelRefused, ModelTold, Photo
from okos.outbox import GivenUp, apology, file_ttl_ms, posted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from okos.assistant.mark import Handler

FILE_TOO_LARGE = "This file is too large for me: I can read files of up to 20 MB. Please send a smaller one."

_log = structlog.get_logger()


class Store(Protocol):
    """What a turn needs of the broker."""

    def read(self, name: str) -> bytes | None:
        """Read a stored value."""

    def read_list(self, name: str) -> list[bytes]:
        """Read a stored list, oldest first."""

    def write(self, name: str, value: bytes, *, ttl_ms: int) -> None:
        """Write a stored value now."""

    def preview(self, channel: str, payload: bytes) -> None:
        """Send what may be lost; neither blocks nor raises."""

    # Any: Dramatiq's messages carry the type of a result that nobody reads.
    def enqueue(self, message: dramatiq.Message[Any]) -> object:
        """Publish with the ack."""


class Run(Protocol):
    """What a turn needs of the attempt that it is part of."""

    token: str

    def append(self, name: str, value: bytes, *, keep: int, ttl_ms: int) -> None:
        """Append to a stored list with the ack."""

    def delete(self, name: str) -> None:
        """Delete a stored value with the ack."""

    def on_dead(self, message: dramatiq.Message[Any]) -> None:
        """Publish this only if the attempt ends as a dead letter; the last call counts."""


class Assistant:
    """What all turns of a worker process share.

    Args:
        store: Where attachments and memory are read, and replies put.
        model: What answers.
        system_prompt: What the model is told first.
        memory_turns: How many earlier turns are known; 0 for none.
        memory_ttl_ms: How long after its last turn a chat is forgotten.
        max_backoff_ms: The longest wait that a model can ask for before the next attempt.
        current_run: Finds the attempt that the calling thread is in.
        wait_for: Runs a coroutine on the worker's event loop and waits for it.
        now_ms: A clock that never goes back.
        ears: What writes down what is said; None if nothing does.
    """

    def __init__(
        self,
        *,
        store: Store,
        model: Model,
        system_prompt: str,
        memory_turns: int,
        memory_ttl_ms: int,
        max_backoff_ms: int,
        current_run: Callable[[], Run | None],
        wait_for: Callable[[Coroutine[Any, Any, None]], None],
        now_ms: Callable[[], int],
        ears: Hears | None = None,
    ) -> None:
        self._store = store
        self._model = model
        self._system_prompt = system_prompt
        self._memory_turns = memory_turns
        self._memory_ttl_ms = memory_ttl_ms
        self._max_backoff_ms = max_backoff_ms
        self._current_run = current_run
        self._wait_for = wait_for
        self._now_ms = now_ms
        self._ears = ears

    def attend(self, handler: Handler, body: object) -> None:
        """Run the handler for one claimed message and leave its effects with the run.

        Raises:
            BadEnvelope: The message is no envelope.
            ModelRefused: No retry will help.
            dramatiq.Retry: The model asked to be left alone for a while.
            Exception: Whatever else the handler raises; the attempt failed.
        """
        envelope = Envelope.decode(body)
        run = self._current_run()
        if run is None:
            raise OkosError("a handler runs in a worker only; in a test call it with a Turn of your own")
        # For every way to fail that is not sorted below.
        run.on_dead(posted(envelope, apology(envelope)))
        try:
            replies, words = self._answered(handler, envelope, run)
        except ModelBusy as busy:
            run.on_dead(posted(envelope, apology(envelope, GivenUp.BUSY)))
            if busy.retry_after_ms is None:
                raise
            raise dramatiq.Retry(str(busy), delay=min(busy.retry_after_ms, self._max_backoff_ms)) from busy
        except ModelRefused:
            run.on_dead(posted(envelope, apology(envelope, GivenUp.REFUSED)))
            raise
        self._commit(envelope, run, replies, words)

    def _answered(self, handler: Handler, envelope: Envelope, run: Run) -> tuple[Sequence[str | FileReply], str | None]:
        """Run the handler; gives the replies, and the user's words as they are to be remembered.

        What the user is told instead of an answer is not part of the conversation: None.
        """
        # Of an album some may be gone; the turn is about the others.
        files = [
            File(content=content, name=attachment.file_name, mime=attachment.mime)
            for attachment in envelope.attachments
            if (content := self._store.read(attachment.name)) is not None
        ]
        # A sticker is its emoji, too.
        if not files and envelope.kind != "sticker" and (envelope.attachments or envelope.kind == "photo"):
            is_too_large = any(one.size_bytes > MOST_FILE_BYTES for one in envelope.attachments)
            _log.warning("attachment gone", message_id=envelope.id, kind=envelope.kind, too_large=is_too_large)
            return [FILE_TOO_LARGE if is_too_large else ATTACHMENT_GONE], None
        turn = self._turn(envelope, files, run)
        try:
            self._wait_for(_coroutine(handler, turn))
        except ModelTold as problem:
            _log.warning("message cannot be answered", message_id=envelope.id, reason=str(problem))
            return [*turn.replies, problem.told], None
        return turn.replies, in_words(envelope) if turn.text == envelope.text else turn.text

    def _turn(self, envelope: Envelope, files: list[File], run: Run) -> Turn:
        lines = self._store.read_list(memory.store_name(envelope.mailbox)) if self._memory_turns else []
        earlier = memory.window(lines, turns=self._memory_turns, now_id=envelope.id)

        def send(text: str) -> None:
            shown = {"id": envelope.id, "token": run.token, "text": text.encode("utf-8", "replace").decode()}
            self._store.preview(envelope.reply_to, orjson.dumps(shown))

        return Turn(
            envelope=envelope,
            model=self._model,
            conversation=conversation(
                envelope,
                system=self._system_prompt,
                earlier=earlier,
                photos=[Photo(content=one.content, file_name=one.name) for one in files if _is_photo(envelope, one)],
            ),
            files=files,
            ears=self._ears,
            preview=Preview(send, now_ms=self._now_ms),
        )

    def _commit(self, envelope: Envelope, run: Run, replies: Sequence[str | FileReply], words: str | None) -> None:
        """Give the run what the turn leaves; without a reply, the mark alone that the turn has ended."""
        for number, one in enumerate(replies or [""], start=1):
            reply = Reply(envelope_id=envelope.id, chat=envelope.chat, text="", last=number >= len(replies))
            if isinstance(one, FileReply):
                put_aside = self._put_aside(envelope, run, number, one)
                reply = replace(reply, text=one.caption, kind=one.kind, attachment=put_aside)
            else:
                reply = replace(reply, text=one)
            self._store.enqueue(posted(envelope, reply))
        for attachment in envelope.attachments:
            run.delete(attachment.name)
        if words is not None and replies and self._memory_turns:
            said = "\n\n".join(one if isinstance(one, str) else one.in_words for one in replies)
            turn = memory.Remembered(id=envelope.id, user=words, assistant=said)
            run.append(
                memory.store_name(envelope.mailbox),
                memory.written(turn),
                keep=self._memory_turns,
                ttl_ms=self._memory_ttl_ms,
            )

    def _put_aside(self, envelope: Envelope, run: Run, number: int, file: FileReply) -> Attachment:
        """Keep a file's bytes where its reply will find them: they are too many to be committed with it.

        Only a committed reply names them. Of an attempt that is not, they end by themselves.
        """
        name = f"reply:{envelope.id}:{run.token}:{number}"
        self._store.write(name, file.content, ttl_ms=file_ttl_ms(envelope))
        return Attachment(name=name, mime=file.mime, file_name=file.name, size_bytes=len(file.content))


def _is_photo(envelope: Envelope, file: File) -> bool:
    """Tell what is to be looked at: photos, and pictures that were sent as files."""
    return envelope.kind == "photo" or (envelope.kind == "document" and (file.mime or "").startswith("image/"))


async def _coroutine(handler: Handler, turn: Turn) -> None:
    await handler(turn)

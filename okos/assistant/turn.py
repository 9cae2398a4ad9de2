"""A turn: one message of a user and its answer, as a handler sees it.

A turn only collects what the handler replies. Nothing leaves before the run that holds it is committed with
the ack; only previews do, and they promise nothing. So a test can call a handler with a turn made by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from okos.assistant.file import MOST_FILES, FileReply, Unsendable, file_reply
from okos.model import UNHEARD, ModelTold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from okos.assistant.file import File, FileKind
    from okos.envelope import Envelope
    from okos.model import Conversation

# What a run may write is bounded, and a model that never stops must not be either's end.
MAX_REPLY_CHARS = 50_000

ATTACHMENT_GONE = "I no longer have this file: files are kept for a short time only. Please send it again."

_CUT_HERE = "\n\n[…] (Cut here: longer than any answer should be.)"


class Model(Protocol):
    """What answers: a chat model, the offline responder, or a test's double."""

    def stream(self, conversation: Conversation) -> AsyncIterator[str]:
        """Answer piece by piece."""


class Hears(Protocol):
    """What writes down what is said: a model for speech."""

    async def transcribe(self, content: bytes, *, file_name: str) -> str:
        """Write down the words of a sound file."""


class Shows(Protocol):
    """Where a growing answer is shown."""

    def show(self, pieces: Sequence[str]) -> None:
        """Show the pieces so far, if it is time; must neither block nor raise."""


class Turn:
    """What a handler is given.

    Args:
        envelope: The message.
        model: What to ask.
        conversation: The message and what was said before, as the model takes it.
        files: What came with the message.
        ears: What writes down what is said; None if nothing does.
        preview: Where an answer is shown while it grows; None shows it nowhere.

    Attributes:
        text: What the user wrote: the text, or the caption of a file.
        files: What came with the message, in its order: of an album, those that could be fetched.
        replies: What was replied so far, in order; committed when the handler returns.
    """

    def __init__(
        self,
        *,
        envelope: Envelope,
        model: Model,
        conversation: Conversation,
        files: Sequence[File] = (),
        ears: Hears | None = None,
        preview: Shows | None = None,
    ) -> None:
        self.envelope = envelope
        self.model = model
        self.conversation = conversation
        self.text = envelope.text
        self.files = tuple(files)
        self.replies: list[str | FileReply] = []
        self._ears = ears
        self._preview = preview

    @property
    def file(self) -> File:
        """What came with the message, the first of several.

        Raises:
            ModelTold: Nothing did, or it is gone: left to itself, this tells the user to send it again.
        """
        if not self.files:
            raise ModelTold(f"no file came with this {self.envelope.kind}", told=ATTACHMENT_GONE)
        return self.files[0]

    async def reply(self, answer: str | AsyncIterator[str]) -> None:
        """Reply with a text, or with one that comes in pieces, which is previewed as it grows.

        May be called more than once; each call is a message of its own. An answer without a visible character
        is left out. An iterator is always closed, so a turn that is cancelled also stops the model.
        """
        text = _cut(answer if isinstance(answer, str) else await self._collected(answer))
        if text.strip():
            self.replies.append(text)

    async def reply_file(
        self, kind: FileKind, content: bytes, *, name: str = "", mime: str = "", caption: str = ""
    ) -> None:
        """Reply with a file, in its place among the other replies.

        Args:
            kind: How it is shown: a photo, a sticker (WebP), a voice message (Opus in Ogg), or a document, as it is.
            content: Its bytes: 20 MiB at most.
            name: What it is called where it is shown; empty: by its kind.
            mime: Its type; empty: found out.
            caption: What is said with it. What is too long for the channel follows as a text.

        Raises:
            Unsendable: It is empty or too large, or one file too many for a turn.
        """
        if sum(isinstance(one, FileReply) for one in self.replies) == MOST_FILES:
            raise Unsendable(f"a turn can reply with {MOST_FILES} files at most")
        self.replies.append(file_reply(kind, content, name=name, mime=mime, caption=_cut(caption)))

    async def transcribe(self, file: File) -> str:
        """Write down what is said in a sound file: a voice message.

        Raises:
            ModelTold: There is no model for speech, or it could make nothing out; left to itself, this tells the user.
            ModelBusy: Asking again later may help.
            ModelRefused: Only the operator can help.
        """
        if self._ears is None:
            raise ModelTold("no model for speech is configured: model.speech", told=UNHEARD)
        return await self._ears.transcribe(file.content, file_name=file.name or "voice.ogg")

    def read_as(self, text: str) -> None:
        """Let this be what the user said: for the model, in `text`, and in what is remembered.

        For what is no text by itself: the words of a voice message, those of a document.
        """
        self.text = text
        self.conversation = replace(self.conversation, latest=replace(self.conversation.latest, text=text))

    async def _collected(self, answer: AsyncIterator[str]) -> str:
        pieces: list[str] = []
        chars = 0
        try:
            async for piece in answer:
                pieces.append(piece)
                chars += len(piece)
                if chars > MAX_REPLY_CHARS:
                    break
                if self._preview is not None:
                    self._preview.show(pieces)
        finally:
            # Only generators need closing, and any iterator will do.
            aclose = getattr(answer, "aclose", None)
            if aclose is not None:
                await aclose()
        return "".join(pieces)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REPLY_CHARS else text[:MAX_REPLY_CHARS] + _CUT_HERE

"""A turn: one message of a user and its answer, as a handler sees it.

A turn only collects what the handler replies. Nothing leaves before the run that holds it is committed with
the ack; only previews do, and they promise nothing. So a test can call a handler with a turn made by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from okos.envelope import Envelope
    from okos.model import Conversation

# What a run may write is bounded, and a model that never stops must not be either's end.
MAX_REPLY_CHARS = 50_000
_CUT = "\n\n[…] (Cut here: longer than any answer should be.)"


class Model(Protocol):
    """What answers: a chat model, the offline responder, or a test's double."""

    def stream(self, conversation: Conversation) -> AsyncIterator[str]:
        """Answer piece by piece."""


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
        preview: Where an answer is shown while it grows; None shows it nowhere.

    Attributes:
        replies: What was replied so far, in order; committed when the handler returns.
    """

    def __init__(
        self, *, envelope: Envelope, model: Model, conversation: Conversation, preview: Shows | None = None
    ) -> None:
        self.envelope = envelope
        self.model = model
        self.conversation = conversation
        self.replies: list[str] = []
        self._preview = preview

    @property
    def text(self) -> str:
        """What the user wrote: the text, or the caption of a photo."""
        return self.envelope.text

    async def reply(self, answer: str | AsyncIterator[str]) -> None:
        """Reply with a text, or with one that comes in pieces, which is previewed as it grows.

        May be called more than once; each call is a message of its own. An answer without a visible character
        is left out. An iterator is always closed, so a turn that is cancelled also stops the model.
        """
        text = answer if isinstance(answer, str) else await self._collected(answer)
        if len(text) > MAX_REPLY_CHARS:
            text = text[:MAX_REPLY_CHARS] + _CUT
        if text.strip():
            self.replies.append(text)

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

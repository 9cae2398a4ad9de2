"""The offline responder: what answers when no model is configured, so that everything can be tried at once.

It understands nothing and does not pretend to: every answer is labelled, and holds only what is true of the
message. The same conversation always gets the same answer.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import TYPE_CHECKING

from okos.model.failure import UNHEARD, ModelTold
from okos.model.photo import look_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from okos.model.conversation import Conversation, Photo

LABEL = "[offline]"
HOW_TO_CONNECT = (
    "No model is connected. For real answers set OKOS_MODEL__API_KEY for OpenAI itself, or"
    " OKOS_MODEL__BASE_URL and OKOS_MODEL__NAME (and the key, if it needs one) for any other server with its"
    " API; then start again."
)

# A pace at which a reader sees the answer grow, with no answer longer than half a second.
PAUSE_MS = 10
_ECHO_CHARS = 60
_WORDS_TOGETHER = 2
_EMOJI_CHARS = 16
# Control characters, lone surrogates, and what has no character assigned.
_UNSHOWN = frozenset({"Cc", "Cs", "Cn", "Co"})


class OfflineResponder:
    """Streams a labelled answer made of facts alone.

    Args:
        pause_ms: How long to wait before each piece, as a model would; 0 in tests.
    """

    def __init__(self, *, pause_ms: int = PAUSE_MS) -> None:
        self._pause_ms = pause_ms
        self._loop: asyncio.AbstractEventLoop | None = None
        # One photo at a time: decoding a large one takes hundreds of megabytes.
        self._looking = asyncio.Lock()

    async def stream(self, conversation: Conversation) -> AsyncGenerator[str]:
        """Answer piece by piece."""
        facts = await self._facts(conversation)
        answer = " ".join([LABEL, facts, *_closing(conversation)])
        for piece in _pieces(answer):
            await asyncio.sleep(self._pause_ms / 1000)
            yield piece

    async def transcribe(self, content: bytes, *, file_name: str) -> str:
        """Raise `ModelTold`: it cannot hear."""
        del content, file_name
        raise ModelTold("no model is connected", told=UNHEARD)

    async def aclose(self) -> None:
        """Hold nothing, so close nothing."""

    async def _facts(self, conversation: Conversation) -> str:
        latest = conversation.latest
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what a loop that broke held is never free
            self._loop, self._looking = loop, asyncio.Lock()
        if latest.photos:
            described = []
            for photo in latest.photos:
                async with self._looking:
                    described.append(await asyncio.to_thread(describe_photo, photo))
            facts = " ".join(described)
            return f"{facts} Its caption: “{_beginning(latest.text)}”." if latest.text.strip() else facts
        return describe_sticker(latest.emoji) if latest.emoji else describe_text(latest.text)


def describe_text(text: str) -> str:
    """Count what a text is made of, and echo its beginning."""
    if not text.strip():
        return "I got a text with nothing in it."
    words = len(text.split())
    counted = f"{_counted(len(text), 'character')} in {_counted(words, 'word')}"
    return f"I got your text of {counted}: “{_beginning(text)}”."


def describe_photo(photo: Photo) -> str:
    """Say a photo's size, format and main colour, or what is wrong with it."""
    named = f" {_beginning(photo.file_name)}" if photo.file_name else ""
    try:
        facts = look_at(photo.content)
    except ModelTold as problem:
        return f"I got your photo{named}, but: {problem.told}"
    return (
        f"I got your photo{named}: {facts.format}, {facts.width_px} x {facts.height_px} pixels,"
        f" {_counted(facts.photo_bytes, 'byte')}, mostly {facts.colour} ({facts.colour_hex})."
    )


def describe_sticker(emoji: str) -> str:
    """Say a sticker's emoji and its name in Unicode."""
    return f"I got your sticker {_beginning(emoji[:_EMOJI_CHARS])}: {emoji_name(emoji)}."


def emoji_name(emoji: str) -> str:
    """Name an emoji as Unicode does, without the marks that only change how it is drawn."""
    names = [unicodedata.name(character, "").lower() for character in emoji[:_EMOJI_CHARS]]
    shown = [name for name in names if name and not name.startswith(("variation selector", "zero width"))]
    return " + ".join(shown) or "an emoji without a name"


def _closing(conversation: Conversation) -> list[str]:
    """Say what is remembered, and how to connect a model: to a newcomer, and to who asks."""
    turns = sum(said.role == "user" for said in conversation.earlier)
    remembered = [f"I remember {_counted(turns, 'earlier turn')} of this chat."] if turns else []
    asked = re.search(r"\b(help|model|connect|offline|start)\b", conversation.latest.text[:1000], re.IGNORECASE)
    return [*remembered, HOW_TO_CONNECT] if asked or not turns else remembered


def _pieces(answer: str) -> list[str]:
    """Cut an answer after every few words; joined, the pieces are the answer."""
    words = re.findall(r"\s*\S+", answer)
    return ["".join(words[at : at + _WORDS_TOGETHER]) for at in range(0, len(words), _WORDS_TOGETHER)]


def _beginning(text: str) -> str:
    """Shorten to one short line of what can be shown."""
    line = " ".join(text[: _ECHO_CHARS * 10].split())
    shown = "".join("�" if unicodedata.category(character) in _UNSHOWN else character for character in line)
    whole = len(shown) <= _ECHO_CHARS and len(text) <= _ECHO_CHARS * 10
    return shown if whole else f"{shown[:_ECHO_CHARS]}…"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"

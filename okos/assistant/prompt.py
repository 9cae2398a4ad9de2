"""What a model is asked for a message: pure, so that a test can read it off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.model import Conversation, Photo, Said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from okos.assistant.memory import Remembered
    from okos.envelope import Envelope


def conversation(
    envelope: Envelope, *, system: str, earlier: Iterable[Remembered] = (), photo: bytes | None = None
) -> Conversation:
    """Put together what is asked: the system prompt, the turns before, the message.

    Args:
        envelope: The message.
        system: The system prompt; empty for none.
        earlier: The turns that are remembered, oldest first.
        photo: The bytes of its photo, if it has one.
    """
    before: list[Said] = []
    for turn in earlier:
        before += [Said(role="user", text=turn.user), Said(role="assistant", text=turn.assistant)]
    name = envelope.attachment.file_name if envelope.attachment else None
    latest = Said(
        role="user",
        text=in_words(envelope) if envelope.kind == "sticker" else envelope.text,
        emoji=envelope.emoji if envelope.kind == "sticker" else "",
        photo=None if photo is None else Photo(content=photo, file_name=name),
    )
    return Conversation(system=system, earlier=tuple(before), latest=latest)


def in_words(envelope: Envelope) -> str:
    """Say a message in words alone, as it is remembered."""
    match envelope.kind:
        case "photo":
            return f"(a photo) {envelope.text}".rstrip()
        case "sticker":
            return f"(a sticker: {envelope.emoji or 'without an emoji'})"
        case _:
            return envelope.text

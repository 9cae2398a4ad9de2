"""What a model is asked for a message: pure, so that a test can read it off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.model import Conversation, Said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from okos.assistant.memory import Remembered
    from okos.envelope import Envelope
    from okos.model import Photo


def conversation(
    envelope: Envelope, *, system: str, earlier: Iterable[Remembered] = (), photos: Iterable[Photo] = ()
) -> Conversation:
    """Put together what is asked: the system prompt, the turns before, the message.

    Args:
        envelope: The message.
        system: The system prompt; empty for none.
        earlier: The turns that are remembered, oldest first.
        photos: Its photos, if it has any.
    """
    before: list[Said] = []
    for turn in earlier:
        before += [Said(role="user", text=turn.user), Said(role="assistant", text=turn.assistant)]
    latest = Said(
        role="user",
        text=in_words(envelope) if envelope.kind == "sticker" else envelope.text,
        emoji=envelope.emoji if envelope.kind == "sticker" else "",
        photos=tuple(photos),
    )
    return Conversation(system=system, earlier=tuple(before), latest=latest)


def in_words(envelope: Envelope) -> str:
    """Say a message in words alone, as it is remembered."""
    match envelope.kind:
        case "photo":
            count = len(envelope.attachments)
            return f"({f'{count} photos' if count > 1 else 'a photo'}) {envelope.text}".rstrip()
        case "document" if envelope.attachment is not None:
            return f"(a file: {envelope.attachment.file_name or 'without a name'}) {envelope.text}".rstrip()
        case "sticker":
            return f"(a sticker: {envelope.emoji or 'without an emoji'})"
        case _:
            return envelope.text

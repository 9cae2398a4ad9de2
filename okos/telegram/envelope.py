"""From a message of Telegram's to the envelope that travels. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.envelope import MOST_FILE_BYTES, Attachment, Envelope
from okos.telegram.access import command_of, without_our_name
from okos.telegram.address import Address
from okos.telegram.download import FETCHED_KINDS, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection

    from okos.telegram.access import Role
    from okos.telegram.reading import File, Incoming

CHANNEL = "telegram"
OUTBOX = "outbox.telegram"

#: A command is a kind of its own where a handler is for it; else it is a text like any other.
COMMAND = "command"


def envelope_id(bot_id: int, channel_id: int | None, message_id: int) -> str:
    """Name a message.

    Private chats and basic groups number their messages together, so that a deletion, which names no chat, finds them.
    """
    return f"tg:{bot_id}:{message_id}" if channel_id is None else f"tg:{bot_id}:{channel_id}:{message_id}"


def dedup_id(bot_id: int, envelope: Envelope, message_id: int) -> str:
    """Name a message with its chat, for as long as Telegram may repeat it."""
    return f"tg:{bot_id}:{envelope.chat}:{message_id}"


def envelope_of(
    incoming: Incoming,
    *,
    bot_id: int,
    username: str,
    access_hash: int,
    role: Role,
    handled: Collection[str],
) -> tuple[Envelope, tuple[Wanted, ...]]:
    """Address a message.

    Args:
        incoming: As it was read.
        bot_id: Who received it.
        username: As what.
        access_hash: The right to answer in its chat.
        role: What its sender may.
        handled: The kinds that have a handler: a file that nobody reads is not fetched.

    Returns:
        The envelope, and the file that is to be fetched for it: none, if it has none or one that is too large.
    """
    name = envelope_id(bot_id, incoming.place_id if incoming.place == "channel" else None, incoming.id)
    address = Address(
        kind=incoming.place,
        id=incoming.place_id,
        access_hash=access_hash,
        message=incoming.id,
        topic=incoming.topic,
        quotes=incoming.place != "user",
    )
    kind = incoming.kind
    if kind == "text" and COMMAND in handled and command_of(incoming.text, username=username) is not None:
        kind = COMMAND
    file = incoming.file if kind in FETCHED_KINDS and kind in handled else None
    attachment = None if file is None else _attachment(name, file)
    envelope = Envelope(
        id=name,
        channel=CHANNEL,
        chat=address.chat,
        user=str(incoming.sender),
        kind=kind,
        text=without_our_name(incoming.text, username=username) or incoming.text,
        emoji=incoming.emoji,
        sent_at_ms=incoming.sent_at_ms,
        reply_to=OUTBOX,
        attachment=attachment,
        topic=None if incoming.topic is None else str(incoming.topic),
        address=address.encode(),
        role=role,
    )
    if file is None or attachment is None or file.size_bytes > MOST_FILE_BYTES:
        return envelope, ()
    return envelope, (Wanted(name=attachment.name, message=incoming.id, file=file),)


def _attachment(name: str, file: File) -> Attachment:
    # By the file, too: an edit may bring another one.
    return Attachment(
        name=f"attachment:{name}:{file.id}", mime=file.mime, file_name=file.file_name, size_bytes=file.size_bytes
    )

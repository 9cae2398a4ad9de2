"""What a message of Telegram's is: its kind, its words, its file, and whom it is for. Pure: nothing is asked.

The library's own parsing asks Telegram for what it finds interesting (the message that is replied to, the set of a
sticker) and fails when Telegram does not answer; a message that came must not be lost for that.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.telegram.address import chat_id
from okos.telegram.library import T

if TYPE_CHECKING:
    from collections.abc import Iterable

    from okos.telegram.address import PeerKind

#: What has no name below.
OTHER = "other"

# Media by the name that Telegram gives it, without its prefix.
_KINDS = {
    "Contact": "contact",
    "Geo": "location",
    "GeoLive": "location",
    "Venue": "venue",
    "Poll": "poll",
    "Dice": "dice",
    "Game": "game",
    "Invoice": "invoice",
    "Story": "story",
    "Giveaway": "giveaway",
}
_PREFIX = "MessageMedia"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Where the bytes of a file are at Telegram.

    Attributes:
        photo: Whether it is a photo; else a document.
        dc: The data centre that has it.
        reference: Telegram's permission to fetch it, which expires.
        size_name: Which of a photo's sizes; empty for a document.
    """

    photo: bool
    dc: int
    id: int
    access_hash: int
    reference: bytes
    size_name: str = ""
    size_bytes: int = 0
    mime: str | None = None
    file_name: str | None = None

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form of what is needed to fetch it."""
        return {
            "photo": self.photo,
            "dc": self.dc,
            "id": self.id,
            "access_hash": self.access_hash,
            "reference": base64.b64encode(self.reference).decode(),
            "size_name": self.size_name,
            "size_bytes": self.size_bytes,
        }

    @classmethod
    def decode(cls, raw: dict[str, Any]) -> File:  # Any: JSON
        """Read the JSON-able form back."""
        return cls(**raw | {"reference": base64.b64decode(raw["reference"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message of a person.

    Attributes:
        id: Its number in its box.
        place: The kind of chat that it is in, and `place_id` the chat's bare number.
        sender: The person's number; for a message sent in a chat's name, the chat's as `chat_id` gives it, so that no
            chat is taken for the person of the same number.
        kind: text, photo, sticker, voice, …
        emoji: Of a sticker.
        album: What the messages of one album share.
        topic: The topic of a forum.
        replies_to: The message that it answers.
        mentioned: Whether Telegram says that it mentions us or answers us.
    """

    id: int
    place: PeerKind
    place_id: int
    sender: int
    kind: str
    text: str = ""
    emoji: str = ""
    file: File | None = None
    album: int | None = None
    topic: int | None = None
    replies_to: int | None = None
    mentioned: bool = False
    mentions: tuple[int, ...] = ()
    sent_at_ms: int


def read(message: Any) -> Incoming:  # Any: generated
    """Read a message, which must be one that a person sent (`T.Message`)."""
    place, place_id = peer_of(message.peer_id)
    kind, emoji, file = _content(message.media)
    reply = message.reply_to
    replies_to = getattr(reply, "reply_to_msg_id", None)
    topic = None
    if getattr(reply, "forum_topic", None):
        # In a topic each message points to the message that opened it, or beside that to the one that it answers.
        top = getattr(reply, "reply_to_top_id", None)
        topic, replies_to = (replies_to, None) if top is None else (top, replies_to)
    return Incoming(
        id=message.id,
        place=place,
        place_id=place_id,
        sender=chat_id(*peer_of(message.from_id or message.peer_id)),
        kind=kind,
        text=message.message or "",
        emoji=emoji,
        file=file,
        album=message.grouped_id,
        topic=topic,
        replies_to=replies_to,
        mentioned=bool(message.mentioned),
        mentions=tuple(
            entity.user_id for entity in message.entities or () if isinstance(entity, T.MessageEntityMentionName)
        ),
        sent_at_ms=message.date * 1000,
    )


def peer_of(peer: Any) -> tuple[PeerKind, int]:  # Any: generated
    """Name the chat that a peer is: its kind and its bare number."""
    if isinstance(peer, T.PeerUser):
        return "user", peer.user_id
    if isinstance(peer, T.PeerChat):
        return "chat", peer.chat_id
    return "channel", peer.channel_id


def _content(media: Any) -> tuple[str, str, File | None]:  # Any: generated
    """Name the kind of what a message holds, a sticker's emoji, and its file."""
    if media is None or isinstance(media, T.MessageMediaEmpty | T.MessageMediaWebPage):
        return "text", "", None
    if isinstance(media, T.MessageMediaPhoto):
        return "photo", "", _photo(media.photo)
    if isinstance(media, T.MessageMediaDocument):
        document = media.document
        if not isinstance(document, T.Document):
            return OTHER, "", None
        kind, emoji = _document_kind(document.attributes)
        return kind, emoji, _document(document)
    return _KINDS.get(type(media).__name__.removeprefix(_PREFIX), OTHER), "", None


def _photo(photo: Any) -> File | None:  # Any: generated
    """Choose the largest size of a photo; None when it is no longer there."""
    if not isinstance(photo, T.Photo):
        return None
    sizes = [size for size in photo.sizes if isinstance(size, T.PhotoSize | T.PhotoSizeProgressive)]
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: size.w * size.h)
    return File(
        photo=True,
        dc=photo.dc_id,
        id=photo.id,
        access_hash=photo.access_hash,
        reference=photo.file_reference,
        size_name=largest.type,
        size_bytes=max(largest.sizes, default=0) if isinstance(largest, T.PhotoSizeProgressive) else largest.size,
        mime="image/jpeg",
    )


def _document(document: Any) -> File:  # Any: generated
    names = [one.file_name for one in document.attributes if isinstance(one, T.DocumentAttributeFilename)]
    return File(
        photo=False,
        dc=document.dc_id,
        id=document.id,
        access_hash=document.access_hash,
        reference=document.file_reference,
        size_bytes=document.size,
        mime=document.mime_type or None,
        file_name=names[0] if names else None,
    )


def _document_kind(attributes: Iterable[Any]) -> tuple[str, str]:  # Any: generated
    """Tell what a document is by what is said of it; the more special first."""
    kind = "document"
    for one in attributes:
        if isinstance(one, T.DocumentAttributeSticker):
            return "sticker", one.alt
        if isinstance(one, T.DocumentAttributeAnimated):
            kind = "animation"
        elif isinstance(one, T.DocumentAttributeAudio):
            kind = "voice" if one.voice else "audio"
        elif isinstance(one, T.DocumentAttributeVideo) and kind != "animation":
            kind = "video_note" if one.round_message else "video"
    return kind, ""

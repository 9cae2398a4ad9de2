"""What travels: an envelope on its way in, a reply on its way out.

Both are plain values with a JSON-able form, so that a channel (Telegram, the local chat) and the workers need
to agree on nothing else. Decoding checks every field: what comes out of the queue was written by another
process, perhaps another version, and a handler must be able to trust what it is given. Unknown fields are
ignored, so that an older worker can read what a newer gateway wrote.

Nothing here knows of Redis, Dramatiq or a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from okos.errors import OkosError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The largest file that is kept for a turn: what Telegram lets simple bots fetch, and a store should have room for.
MOST_FILE_BYTES = 20 * 1024 * 1024

_Value = TypeVar("_Value", str, int, bool)


class BadEnvelope(OkosError):
    """What was published is no envelope or reply; no retry will make it one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that comes with a message or a reply; its bytes are in the store under `name`."""

    name: str
    mime: str | None
    file_name: str | None
    size_bytes: int

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return _fields_of(self)

    @classmethod
    def decode(cls, raw: object) -> Attachment:
        """Read the JSON-able form back; raises `BadEnvelope`."""
        fields = _mapping("attachment", raw)
        return cls(
            name=_required(fields, "name", str),
            mime=_optional(fields, "mime", str),
            file_name=_optional(fields, "file_name", str),
            size_bytes=_required(fields, "size_bytes", int),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One incoming message.

    `reply_to` names the outbox queue that its replies go to; `emoji` is set for a sticker, `attachment` for a
    kind that comes with a file (`more` for the further files of an album), `topic` for a message in a forum topic.
    `address` is what its channel needs to answer it, and nobody else reads; every reply carries it back. `role` is
    what the user may: "user" or "admin".
    """

    id: str
    channel: str
    chat: str
    user: str
    kind: str
    text: str = ""
    emoji: str = ""
    sent_at_ms: int
    reply_to: str
    attachment: Attachment | None = None
    topic: str | None = None
    address: Mapping[str, Any] | None = None  # Any: JSON
    role: str = "user"
    more: tuple[Attachment, ...] = ()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """All files that came with it, in their order."""
        return self.more if self.attachment is None else (self.attachment, *self.more)

    @property
    def mailbox(self) -> str:
        """The key whose messages are handled one at a time, in order."""
        key = f"{self.channel}:{self.chat}"
        return key if self.topic is None else f"{key}:{self.topic}"

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return _fields_of(self) | {
            "attachment": None if self.attachment is None else self.attachment.encode(),
            "more": [one.encode() for one in self.more],
        }

    @classmethod
    def decode(cls, raw: object) -> Envelope:
        """Read the JSON-able form back; raises `BadEnvelope` naming the field that is wrong."""
        fields = _mapping("envelope", raw)
        attachment = fields.get("attachment")
        return cls(
            id=_named(fields, "id"),
            channel=_named(fields, "channel"),
            chat=_named(fields, "chat"),
            user=_named(fields, "user"),
            kind=_named(fields, "kind"),
            text=_optional(fields, "text", str) or "",
            emoji=_optional(fields, "emoji", str) or "",
            sent_at_ms=_required(fields, "sent_at_ms", int),
            reply_to=_named(fields, "reply_to"),
            attachment=None if attachment is None else Attachment.decode(attachment),
            topic=_optional(fields, "topic", str),
            address=_optional_mapping(fields, "address"),
            role=_optional(fields, "role", str) or "user",
            more=tuple(Attachment.decode(one) for one in _listed(fields, "more")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One outgoing message.

    `kind` is "text", or what its `attachment` is: "photo", "sticker", "voice" or "document"; then `text` is what is
    said with it. `last` marks the one that ends the turn (its text may be empty); `failed` marks the apology for a
    message that was given up on; `address` is what the envelope's channel gave with it. The bytes of an attachment end
    with the delivery of the reply, else a while after it was written.
    """

    envelope_id: str
    chat: str
    text: str
    last: bool
    failed: bool = False
    kind: str = "text"
    attachment: Attachment | None = None
    address: Mapping[str, Any] | None = None  # Any: JSON

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return _fields_of(self) | {"attachment": None if self.attachment is None else self.attachment.encode()}

    @classmethod
    def decode(cls, raw: object) -> Reply:
        """Read the JSON-able form back; raises `BadEnvelope` naming the field that is wrong."""
        fields = _mapping("reply", raw)
        attachment = fields.get("attachment")
        return cls(
            envelope_id=_named(fields, "envelope_id"),
            chat=_named(fields, "chat"),
            text=_required(fields, "text", str),
            last=_required(fields, "last", bool),
            failed=_optional(fields, "failed", bool) or False,
            kind=_optional(fields, "kind", str) or "text",
            attachment=None if attachment is None else Attachment.decode(attachment),
            address=_optional_mapping(fields, "address"),
        )


def _fields_of(value: Attachment | Envelope | Reply) -> dict[str, Any]:
    """Name the fields, as they are: `asdict` copies them deeply, which costs more than all else on a message's way."""
    return {name: getattr(value, name) for name in value.__slots__}


def _mapping(what: str, raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise BadEnvelope(f"not an {what}: expected an object with named fields, got {type(raw).__name__}")
    return raw


def _required(fields: Mapping[str, object], name: str, kind: type[_Value]) -> _Value:
    value = _optional(fields, name, kind)
    if value is None:
        raise BadEnvelope(f"the field {name!r} is missing")
    return value


def _optional(fields: Mapping[str, object], name: str, kind: type[_Value]) -> _Value | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadEnvelope(f"the field {name!r} must be {kind.__name__}, got {type(value).__name__}")
    return value


def _optional_mapping(fields: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadEnvelope(f"the field {name!r} must be an object, got {type(value).__name__}")
    return value


def _listed(fields: Mapping[str, object], name: str) -> Sequence[object]:
    value = fields.get(name) or ()
    if not isinstance(value, list | tuple):
        raise BadEnvelope(f"the field {name!r} must be a list, got {type(value).__name__}")
    return value


def _named(fields: Mapping[str, object], name: str) -> str:
    """Read a text that names something: an empty one would join what belongs apart."""
    value = _required(fields, name, str)
    if not value:
        raise BadEnvelope(f"the field {name!r} is empty")
    return value

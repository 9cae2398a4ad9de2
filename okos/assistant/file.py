"""The files of a turn: those that came with the message, and those that a handler replies with. Pure."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from okos.envelope import MOST_FILE_BYTES
from okos.errors import OkosError

#: As many as an album has.
MOST_FILES = 10

FileKind = Literal["photo", "sticker", "voice", "document"]

_MOST_NAME_CHARS = 128
# What a file is by its first bytes, and how its name ends if it has none.
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"%PDF-", "application/pdf"),
)
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/ogg": ".ogg",
    "application/pdf": ".pdf",
}
_UNKNOWN = "application/octet-stream"


class Unsendable(OkosError):
    """A handler replies with what cannot be sent: no bytes, too many, or one file too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that came with the message. `name` and `mime` are as its sender says; None if it says nothing."""

    content: bytes = field(repr=False)
    name: str | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReply:
    """A file that is replied, and what is said with it."""

    kind: FileKind
    content: bytes = field(repr=False)
    name: str
    mime: str
    caption: str = ""

    @property
    def in_words(self) -> str:
        """Say it in words alone, as it is remembered."""
        return f"(a {self.kind}: {self.name}) {self.caption}".rstrip()


def file_reply(kind: FileKind, content: bytes, *, name: str = "", mime: str = "", caption: str = "") -> FileReply:
    """Check a file that is to be replied, and fill in what was not said of it.

    Raises:
        Unsendable: It is empty or too large.
    """
    if not content:
        raise Unsendable(f"a {kind} without a byte cannot be sent")
    if len(content) > MOST_FILE_BYTES:
        raise Unsendable(f"a {kind} of {len(content):,} bytes cannot be sent: {MOST_FILE_BYTES:,} are the most")
    name = PurePath(name).name[-_MOST_NAME_CHARS:]
    mime = mime or _mime_by_content(content) or mimetypes.guess_type(name)[0] or _UNKNOWN
    return FileReply(
        kind=kind,
        content=content,
        name=name or f"{kind}{_ENDINGS.get(mime, '')}",
        mime=mime,
        caption=caption,
    )


def _mime_by_content(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for signature, mime in _SIGNATURES if content.startswith(signature)), None)

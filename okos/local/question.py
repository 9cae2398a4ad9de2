"""What a person asks: a text, a photo with a caption, or a sticker, checked before anything is sent.

Every limit is here, with its reason; whatever breaks one is told in a line, and nothing was sent.
"""

from __future__ import annotations

import mimetypes
import stat
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okos.errors import OkosError

if TYPE_CHECKING:
    from pathlib import Path

# About 16,000 words of prose: more than most models read at once with care. It is the limit of one message, not of
# a chat.
MOST_TEXT_BYTES = 64 * 1024

# What Telegram's bots can fetch, and what a photo straight from a good camera has.
MOST_PHOTO_BYTES = 20 * 1024 * 1024

# A family with skin tones has eleven characters.
MOST_EMOJI_CHARS = 32

# Control characters, halves of characters, letters.
_NEVER_IN_EMOJI = frozenset({"Cc", "Cs", "Ll", "Lu", "Lo"})

MOST_USER_CHARS = 64

_MOST_NAME_CHARS = 255

#: How the pictures begin that a page may send; what is in them is for the worker to see.
_PICTURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Unusable(OkosError):
    """What was given cannot be asked; the message says why and what to do. Nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo's bytes; whether they are an image at all is for the worker to see."""

    content: bytes
    file_name: str
    mime: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One message of a person. With a photo, the text is its caption; a sticker has an emoji alone."""

    text: str = ""
    emoji: str = ""
    photo: Photo | None = None

    @property
    def kind(self) -> str:
        """The kind of message that this is."""
        if self.photo is not None:
            return "photo"
        return "sticker" if self.emoji else "text"


def compose(*, text: str = "", photo: Path | None = None, sticker: str | None = None) -> Question:
    """Put a question together from what was given.

    Raises:
        Unusable: Nothing was given, too much, or a file that cannot be sent.
    """
    if sticker is not None:
        if photo is not None:
            raise Unusable("a message is a photo or a sticker, not both: leave one out")
        if text.strip():
            raise Unusable("a sticker has no text: leave one out")
        return Question(emoji=check_emoji(sticker))
    if photo is not None:
        return Question(text=check_text(text) if text.strip() else "", photo=read_photo(photo))
    return Question(text=check_text(text))


def check_text(text: str) -> str:
    """Return the text if it can be sent.

    Raises:
        Unusable: It is empty, too long, or not a text.
    """
    if not text.strip():
        raise Unusable("the text is empty: say something")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise Unusable("the text is not valid UTF-8") from error
    if size_bytes > MOST_TEXT_BYTES:
        raise Unusable(f"the text has {size_bytes:,} bytes, and {MOST_TEXT_BYTES:,} are the most: shorten or split it")
    if "\0" in text:
        raise Unusable("the text holds null bytes, so it is none; send an image with --photo")
    return text


def decode_text(raw: bytes) -> str:
    """Read bytes as a text, of which at most one byte more than may be sent needs to be there.

    Raises:
        Unusable: As `check_text`.
    """
    if len(raw) > MOST_TEXT_BYTES:
        raise Unusable(f"the text has more than {MOST_TEXT_BYTES:,} bytes, the most: shorten or split it")
    try:
        return check_text(raw.decode())
    except UnicodeDecodeError as error:
        raise Unusable("the text is not valid UTF-8; send an image with --photo") from error


def check_emoji(emoji: str) -> str:
    """Return the emoji if it can be sent.

    Raises:
        Unusable: It is empty, or too long for one.
    """
    emoji = emoji.strip()
    is_text = emoji.isascii() or any(unicodedata.category(char) in _NEVER_IN_EMOJI for char in emoji)
    if is_text or len(emoji) > MOST_EMOJI_CHARS:
        raise Unusable("a sticker is one emoji, as in --sticker 🎉")
    return emoji


def check_user(user: str) -> str:
    """Return the user's name or number if it can stand in a mailbox's key.

    Raises:
        Unusable: It cannot.
    """
    if not user or len(user) > MOST_USER_CHARS or not all(char.isalnum() or char in "_.-" for char in user):
        raise Unusable(f"a user is a number or a name of at most {MOST_USER_CHARS} letters, digits, '_', '.' and '-'")
    return user


def check_photo(content: bytes, *, file_name: str) -> Photo:
    """Make a photo of bytes that came without a file, by what they begin with and not by what they are called.

    Raises:
        Unusable: They are too many, or no picture.
    """
    if len(content) > MOST_PHOTO_BYTES:
        raise Unusable(f"the photo has more than {MOST_PHOTO_BYTES:,} bytes, the most: send a smaller one")
    mime = picture_type(content)
    if mime is None:
        raise Unusable("that is no picture: send a JPEG, a PNG, a WebP or a GIF")
    name = "".join(char for char in file_name.replace("\\", "/").rpartition("/")[2] if char.isprintable())
    return Photo(content=content, file_name=name[-_MOST_NAME_CHARS:] or "photo", mime=mime)


def picture_type(content: bytes) -> str | None:
    """Tell what kind of picture these bytes begin like; None: of none that a page sends."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for begins, mime in _PICTURES if content.startswith(begins)), None)


def read_photo(path: Path) -> Photo:
    """Read a photo's file.

    Raises:
        Unusable: It is not there, no file, empty, too large, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(f"{path} is a directory, not a photo" if path.is_dir() else f"{path} is not a file")
        if status.st_size > MOST_PHOTO_BYTES:
            raise Unusable(f"{path} has {status.st_size:,} bytes, and {MOST_PHOTO_BYTES:,} are the most for a photo")
        with path.open("rb") as file:
            content = file.read(MOST_PHOTO_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", error)
        raise Unusable(f"cannot read {str(path)!r}: {reason}") from error
    if not content:
        raise Unusable(f"{path} is empty")
    return Photo(content=content, file_name=path.name, mime=mimetypes.guess_type(path.name)[0])

"""Files that a turn replies with: given to Telegram in parts, then said, each under one name however often.

    noted parts ──▶ the parts that are missing, one call each, noted ──▶ said as what it is
                                    ▲                                          │
                                    └──── Telegram has not all its parts ──────┤
                                                                               │
    said as a text that tells of it ◀── refused ── said as a document ◀── refused

A file has the same id at each attempt, and its message the same random id in each form: whatever is repeated after a
crash takes the place of what was there. Used on threads of the worker.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from okos.telegram.library import F, T
from okos.telegram.markup import Marked, marked
from okos.telegram.sender import FileRefused, random_id
from okos.telegram.split import MOST_CAPTION_UNITS, split

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from okos.envelope import Attachment, Reply
    from okos.mailbox import MailboxBroker
    from okos.telegram.address import Address
    from okos.telegram.ledger import Ledger
    from okos.telegram.sender import Sender

R = TypeVar("R")

#: The largest part that Telegram takes, and from which size on a file is a big one to it.
PART_BYTES = 512 * 1024
BIG_BYTES = 10 * 1024 * 1024

GONE = "({name} should be here, but could not be delivered in time, and I no longer have it.)"
REFUSED = "({name} should be here, but Telegram does not take it.)"

_DOCUMENT = "document"
_OPUS_PER_S = 48_000

_log = structlog.get_logger()


class Runs(Protocol):
    """Runs a coroutine on the event loop of the client and waits for it."""

    def __call__(self, work: Coroutine[Any, Any, R]) -> R:
        """Give what it returns, or raise what it raises."""


def pieces_of(reply: Reply) -> list[Marked]:
    """Cut what a reply says into messages; the first one of a file is its caption, which may be empty."""
    text = marked(reply.text) if reply.text.strip() else Marked("")
    if reply.attachment is None:
        return split(text)
    if reply.kind == "sticker":
        # It has no caption.
        return [Marked(""), *split(text)]
    return split(text, first_units=MOST_CAPTION_UNITS) or [Marked("")]


class Uploads:
    """The files of one bot on their way.

    Args:
        sender: Through which they are said.
        ledger: Where the parts are noted that Telegram has.
        broker: Where the bytes are.
        bot_id: Whose they are.
        on_loop: The client's.
    """

    def __init__(self, sender: Sender, ledger: Ledger, *, broker: MailboxBroker, bot_id: int, on_loop: Runs) -> None:
        self._sender = sender
        self._ledger = ledger
        self._broker = broker
        self._bot_id = bot_id
        self._on_loop = on_loop

    def say(self, kind: str, file: Attachment, caption: Marked, *, address: Address, record: str) -> None:
        """Say a file; if Telegram takes it in no form, say that.

        Args:
            kind: What it is said as, if Telegram takes it as that.
            file: The file.
            caption: What is said with it.
            address: Where.
            record: The reply that it is of.

        Raises:
            Later: It may have been said; do it again.
            GivenUp: Nothing can be said there.
        """
        name = random_id(self._bot_id, record, 0)
        content = self._broker.read(file.name)
        # What was refused has had its turn: to wait for another one would begin anew with it, for ever.
        waits = True
        if content is None:
            _log.warning("file of a reply gone", message_id=record, kind=kind)
        else:
            for form in dict.fromkeys((kind, _DOCUMENT)):
                media = media_of(form, file, content, file_id=self._file_id(record))
                try:
                    self._upload(content, address=address, record=record)
                    return self._say_once(content, caption, media, address=address, record=record, waits=waits)
                except FileRefused as problem:
                    _log.warning("file refused", message_id=record, form=form, reason=str(problem))
                    waits = False
        told = (GONE if content is None else REFUSED).format(name=_utf8(file.file_name or f"a {kind}"))
        text = Marked(f"{caption.text}\n\n{told}", caption.spans) if caption.text else Marked(told)
        self._on_loop(self._sender.say(address, text, name, waits=waits))
        return None

    def _say_once(
        self,
        content: bytes,
        caption: Marked,
        media: Any,  # Any: generated
        *,
        address: Address,
        record: str,
        waits: bool,
    ) -> None:
        name = random_id(self._bot_id, record, 0)
        try:
            self._on_loop(self._sender.say(address, caption, name, media, waits=waits))
        except FileRefused as problem:
            if not problem.parts:
                raise
            # They were there: Telegram keeps parts for a while, and of a file that was said none.
            self._ledger.forget_uploaded(record)
            self._upload(content, address=address, record=record)
            self._on_loop(self._sender.say(address, caption, name, media, waits=False))

    def _file_id(self, record: str) -> int:
        return random_id(self._bot_id, record, "file")

    def _upload(self, content: bytes, *, address: Address, record: str) -> None:
        """Give Telegram the parts that it does not have yet."""
        total = -(-len(content) // PART_BYTES)
        for number in range(self._ledger.uploaded(record), total):
            about = {
                "file_id": self._file_id(record),
                "file_part": number,
                "bytes": content[number * PART_BYTES : (number + 1) * PART_BYTES],
            }
            is_big = len(content) > BIG_BYTES
            part = (
                F.upload.SaveBigFilePart(file_total_parts=total, **about) if is_big else F.upload.SaveFilePart(**about)
            )
            self._on_loop(self._sender.upload(address, part))
            self._ledger.write_uploaded(record, number + 1)


def media_of(form: str, file: Attachment, content: bytes, *, file_id: int) -> Any:  # Any: generated
    """Describe a file whose parts Telegram has, as what it is to be shown."""
    parts, file_name = -(-len(content) // PART_BYTES), _utf8(file.file_name or form)
    uploaded = (
        T.InputFileBig(id=file_id, parts=parts, name=file_name)
        if len(content) > BIG_BYTES
        else T.InputFile(
            id=file_id,
            parts=parts,
            name=file_name,
            md5_checksum=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        )
    )
    if form == "photo":
        return T.InputMediaUploadedPhoto(file=uploaded)
    attributes = [T.DocumentAttributeFilename(file_name=file_name)]
    if form == "sticker":
        attributes.append(T.DocumentAttributeSticker(alt="", stickerset=T.InputStickerSetEmpty()))
    elif form == "voice":
        attributes.append(T.DocumentAttributeAudio(duration=duration_s(content), voice=True))
    return T.InputMediaUploadedDocument(
        file=uploaded,
        mime_type=_utf8(file.mime or "application/octet-stream"),
        attributes=attributes,
        force_file=True if form == _DOCUMENT else None,
    )


def _utf8(text: str) -> str:
    """Replace lone halves of characters, which cannot be sent."""
    return text.encode("utf-8", "replace").decode()


def duration_s(content: bytes) -> int:
    """Tell how long a voice message is, by the position that its last page of Ogg names (RFC 3533, §6); else 0."""
    last = content.rfind(b"OggS")
    if last < 0 or len(content) < last + 14:
        return 0
    position = int.from_bytes(content[last + 6 : last + 14], "little", signed=True)
    return max(0, round(position / _OPUS_PER_S)) if position < _OPUS_PER_S * 86_400 else 0

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest

from okos.envelope import Attachment, Reply
from okos.telegram.library import Refused, T
from okos.telegram.markup import Marked, units
from okos.telegram.upload import BIG_BYTES, PART_BYTES, duration_s, media_of, pieces_of
from okos.telegram.verdict import Action, judge

FILE = Attachment(name="reply:m1:t:1", mime="text/plain", file_name="notes.txt", size_bytes=3)


def a_reply(text: str, *, kind: str = "photo") -> Reply:
    return Reply(
        envelope_id="m1", chat="7", text=text, last=True, kind=kind, attachment=None if kind == "text" else FILE
    )


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        (a_reply(" ", kind="text"), []),
        (a_reply("hi", kind="text"), ["hi"]),
        (a_reply(""), [""]),
        (a_reply("hi"), ["hi"]),
        (a_reply("hi", kind="sticker"), ["", "hi"]),
        (a_reply("", kind="sticker"), [""]),
    ],
)
def test_what_a_reply_says_in_how_many_messages(reply: Reply, texts: list[str]) -> None:
    assert [piece.text for piece in pieces_of(reply)] == texts


@pytest.mark.parametrize(("count", "pieces"), [(1023, 1), (1024, 1), (1025, 2)])
def test_a_caption_has_so_many_units_at_most(count: int, pieces: int) -> None:
    found = pieces_of(a_reply("x" * count))

    assert len(found) == pieces
    assert units(found[0].text) <= 1024


def test_formatting_goes_along_with_a_caption() -> None:
    [piece] = pieces_of(a_reply("**bold**"))

    assert piece != Marked("bold")
    assert piece.text == "bold"


@pytest.mark.parametrize(
    ("size_bytes", "parts", "is_big"),
    [
        (1, 1, False),
        (PART_BYTES, 1, False),
        (PART_BYTES + 1, 2, False),
        (BIG_BYTES, 20, False),
        (BIG_BYTES + 1, 21, True),
    ],
)
def test_a_file_is_described_by_its_parts(size_bytes: int, parts: int, *, is_big: bool) -> None:
    content = bytes(size_bytes)

    uploaded = media_of("document", FILE, content, file_id=7).file

    assert (uploaded.id, uploaded.parts, uploaded.name) == (7, parts, "notes.txt")
    assert isinstance(uploaded, T.InputFileBig if is_big else T.InputFile)
    if not is_big:
        assert uploaded.md5_checksum == hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("form", "kinds"),
    [
        ("sticker", [T.DocumentAttributeFilename, T.DocumentAttributeSticker]),
        ("voice", [T.DocumentAttributeFilename, T.DocumentAttributeAudio]),
        ("document", [T.DocumentAttributeFilename]),
    ],
)
def test_a_document_is_described_as_what_it_is_to_be_shown(form: str, kinds: list[Any]) -> None:  # Any: generated
    media = media_of(form, FILE, b"abc", file_id=7)

    assert [type(one) for one in media.attributes] == kinds
    assert media.mime_type == "text/plain"
    assert bool(media.force_file) is (form == "document")


def test_a_name_with_half_a_character_can_be_sent() -> None:
    file = Attachment(name="reply:1", mime="text/\ud83d", file_name="half \ud83d.txt", size_bytes=3)

    media = media_of("document", file, b"abc", file_id=7)

    assert (media.file.name, media.mime_type) == ("half ?.txt", "text/?")


@pytest.mark.parametrize(
    ("content", "expected_s"),
    [
        (b"", 0),
        (b"no ogg at all, whatever it is", 0),
        (b"OggS\x00\x04", 0),
        (b"OggS\x00\x02" + bytes(8) + b"OggS\x00\x04" + struct.pack("<q", 150_000), 3),
        (b"OggS\x00\x04" + struct.pack("<q", -1), 0),
        (b"OggS\x00\x04" + b"\xff" * 7 + b"\x7f", 0),
    ],
)
def test_a_voice_message_tells_how_long_it_is(content: bytes, expected_s: int) -> None:
    assert duration_s(content) == expected_s


@pytest.mark.parametrize(
    ("code", "name", "action"),
    [
        (400, "PHOTO_INVALID_DIMENSIONS", Action.OTHER_FORM),
        (400, "IMAGE_PROCESS_FAILED", Action.OTHER_FORM),
        (400, "MEDIA_INVALID", Action.OTHER_FORM),
        (400, "VOICE_MESSAGES_FORBIDDEN", Action.OTHER_FORM),
        (403, "CHAT_SEND_STICKERS_FORBIDDEN", Action.OTHER_FORM),
        (400, "FILE_PARTS_INVALID", Action.UPLOAD),
        (400, "FILE_PART_X_MISSING", Action.UPLOAD),
        (400, "MD5_CHECKSUM_INVALID", Action.UPLOAD),
        (500, "FILE_ID_INVALID", Action.LATER),
        (403, "CHAT_WRITE_FORBIDDEN", Action.GIVE_UP),
    ],
)
def test_a_refusal_of_a_file_is_told_from_one_of_the_chat(code: int, name: str, action: Action) -> None:
    assert judge(Refused(code, name), tries=0).action is action

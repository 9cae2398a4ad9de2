from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from okos.local.question import (
    MOST_PHOTO_BYTES,
    MOST_TEXT_BYTES,
    Unusable,
    check_photo,
    check_user,
    compose,
    decode_text,
    read_photo,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(b"not really a picture")
    return path


def test_a_text_is_asked_as_it_is() -> None:
    question = compose(text="  hello\n")

    assert (question.kind, question.text) == ("text", "  hello\n")


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="empty"):
        compose(text=text)


def test_the_longest_text_is_taken_and_one_byte_more_is_not() -> None:
    assert compose(text="a" * MOST_TEXT_BYTES).kind == "text"
    assert decode_text(b"a" * MOST_TEXT_BYTES)
    with pytest.raises(Unusable, match="65,537 bytes, and 65,536 are the most"):
        compose(text="a" * (MOST_TEXT_BYTES + 1))
    with pytest.raises(Unusable, match="more than 65,536 bytes"):
        decode_text(b"a" * (MOST_TEXT_BYTES + 1))


def test_the_length_of_a_text_is_counted_in_bytes() -> None:
    with pytest.raises(Unusable, match="65,538 bytes"):
        compose(text="€" * 21_846)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Unusable, match="null bytes"):
        decode_text(b"PK\x03\x04\0\0")
    with pytest.raises(Unusable, match="not valid UTF-8"):
        decode_text(b"\xff\xfe")
    with pytest.raises(Unusable, match="not valid UTF-8"):
        compose(text="\udcff")  # what the shell gives for a byte that is not UTF-8


def test_a_photo_is_read_with_its_caption(picture: Path) -> None:
    question = compose(text="What is this?", photo=picture)

    assert (question.kind, question.text) == ("photo", "What is this?")
    assert question.photo is not None
    assert (question.photo.content, question.photo.file_name, question.photo.mime) == (
        b"not really a picture",
        "cat.png",
        "image/png",
    )


def test_a_photo_needs_no_caption(picture: Path) -> None:
    assert compose(photo=picture).text == ""


def test_a_file_that_cannot_be_sent_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe")
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(MOST_PHOTO_BYTES + 1)

    for name, reason in {
        "nothing.png": "there is no such file",
        ".": "is a directory",
        "pipe": "is not a file",
        "empty.png": "is empty",
        "large.png": "has 20,971,521 bytes, and 20,971,520 are the most",
        "large.png/photo": "Not a directory",
        "nu\0ll": "null",
    }.items():
        with pytest.raises(Unusable, match=reason):
            read_photo(tmp_path / name)


def test_the_largest_photo_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MOST_PHOTO_BYTES)

    assert len(read_photo(path).content) == MOST_PHOTO_BYTES


def test_a_sticker_is_one_emoji_and_nothing_else(picture: Path) -> None:
    assert compose(sticker=" 👩‍🚀 ").emoji == "👩‍🚀"
    assert compose(sticker="🎉").kind == "sticker"
    assert compose(sticker="3️⃣").emoji == "3️⃣"
    for sticker in ("", " ", "🎉" * 40, "\x1b[2J", "smile", "née 🎉", "\udcff"):
        with pytest.raises(Unusable, match="one emoji"):
            compose(sticker=sticker)
    with pytest.raises(Unusable, match="not both"):
        compose(sticker="🎉", photo=picture)
    with pytest.raises(Unusable, match="no text"):
        compose(sticker="🎉", text="hello")


def test_a_user_is_a_number_or_a_name() -> None:
    assert [check_user(user) for user in ("7", "Ada", "ada.l_1-2")] == ["7", "Ada", "ada.l_1-2"]
    for user in ("", "a b", "a:b", "x" * 65, "\udcff", "a\nb"):
        with pytest.raises(Unusable, match="a number or a name"):
            check_user(user)


@pytest.mark.parametrize(
    ("begins", "mime"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
    ],
)
def test_a_picture_is_told_by_how_it_begins_and_not_by_its_name(begins: bytes, mime: str) -> None:
    photo = check_photo(begins + b"...", file_name="notes.txt")

    assert (photo.mime, photo.file_name, photo.content) == (mime, "notes.txt", begins + b"...")


@pytest.mark.parametrize("content", [b"", b"<svg>", b"%PDF", b"RIFF\0\0\0\0WAVE", b"GIF89a" + b"x" * MOST_PHOTO_BYTES])
def test_what_is_no_picture_or_too_large_is_no_photo(content: bytes) -> None:
    with pytest.raises(Unusable, match=r"picture|bytes"):
        check_photo(content, file_name="cat.png")


@pytest.mark.parametrize(
    ("given", "kept"), [("C:\\me\\cat.png", "cat.png"), ("../../cat", "cat"), ("a\nb\x1b.png", "ab.png"), ("", "photo")]
)
def test_of_a_name_only_the_last_part_is_kept(given: str, kept: str) -> None:
    assert check_photo(b"GIF89a", file_name=given).file_name == kept

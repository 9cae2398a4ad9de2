from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from okos.model.photo import MAX_PHOTO_BYTES, PhotoUnreadable, for_model, look_at, what_is_it


def a_photo(size: tuple[int, int] = (40, 30), kind: str = "PNG", colour: str = "#e01010", mode: str = "RGB") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).convert(mode).save(content, kind)
    return content.getvalue()


def a_png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_the_facts_of_a_photo_are_true(kind: str) -> None:
    content = a_photo(kind=kind)

    facts = look_at(content)

    assert (facts.format, facts.width_px, facts.height_px) == (kind, 40, 30)
    assert facts.photo_bytes == len(content)
    assert facts.colour == "red"


@pytest.mark.parametrize(
    ("hex_colour", "name"),
    [("#000000", "black"), ("#fefefe", "white"), ("#1e50dc", "blue"), ("#78481e", "brown")],
)
def test_a_colour_has_a_name(hex_colour: str, name: str) -> None:
    facts = look_at(a_photo(colour=hex_colour))

    assert (facts.colour_hex, facts.colour) == (hex_colour, name)


def test_the_dominant_colour_is_the_one_with_most_of_the_photo() -> None:
    image = Image.new("RGB", (100, 100), "#1e50dc")
    image.paste((230, 20, 20), (0, 0, 40, 100))
    content = io.BytesIO()
    image.save(content, "PNG")

    assert look_at(content.getvalue()).colour == "blue"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"hello there", "plain text"),
        ("é".encode()[:1] * 3, "plain text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04abc", "a ZIP archive"),
        (b"\0\0\0\x18ftypheic", "a HEIC photo"),
        (b"\x00\x01\x02\x03", "a kind that I do not know"),
        (b"\xff\xfe\xfd" * 100, "a kind that I do not know"),
    ],
)
def test_what_is_no_photo_is_named(content: bytes, words: str) -> None:
    assert words in what_is_it(content)
    with pytest.raises(PhotoUnreadable) as unreadable:
        look_at(content)
    assert words in unreadable.value.told


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_photo_that_was_cut_off_is_broken(kind: str) -> None:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 60).convert("RGB").save(whole, kind)

    for look in (look_at, for_model):
        with pytest.raises(PhotoUnreadable) as unreadable:
            look(whole.getvalue()[: len(whole.getvalue()) // 2])
        assert "Please send" in unreadable.value.told


def test_every_way_to_cut_a_photo_off_is_either_readable_or_told() -> None:
    whole = a_photo(kind="JPEG")
    for length in range(len(whole)):
        try:
            look_at(whole[:length])
        except PhotoUnreadable as unreadable:
            assert unreadable.told  # noqa: PT017 - some cuts still decode


def test_a_photo_over_the_limit_of_bytes_is_not_even_opened() -> None:
    with pytest.raises(PhotoUnreadable) as unreadable:
        look_at(b"\xff" * (MAX_PHOTO_BYTES + 1))

    assert "20 MiB" in unreadable.value.told or "20 at most" in unreadable.value.told


@pytest.mark.parametrize("size", [(10_000, 5_001), (60_000, 60_000)])
def test_a_small_file_that_decodes_to_gigabytes_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoUnreadable) as unreadable:
        for_model(a_png_that_claims(*size))

    assert "too many pixels" in unreadable.value.told


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_photo_that_a_model_takes_is_sent_as_it_came(kind: str) -> None:
    content = a_photo(kind=kind)

    assert for_model(content) == (f"image/{kind.lower()}", content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_large_photo_is_scaled_down_in_its_own_format(kind: str) -> None:
    mime, content = for_model(a_photo((300, 150), kind), max_edge_px=100)

    assert mime == f"image/{kind.lower()}"
    assert Image.open(io.BytesIO(content)).size == (100, 50)


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_other_formats_are_sent_as_png(kind: str) -> None:
    mime, content = for_model(a_photo(kind=kind))

    assert mime == "image/png"
    assert Image.open(io.BytesIO(content)).size == (40, 30)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("CMYK", "JPEG"), ("L", "JPEG"), ("P", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("I;16", "PNG")],
)
def test_every_kind_of_pixel_can_be_scaled(mode: str, kind: str) -> None:
    plain = Image.new("L", (300, 150), 120)
    content = io.BytesIO()
    plain.convert(mode if mode != "I;16" else "I").convert(mode).save(content, kind)

    _, scaled = for_model(content.getvalue(), max_edge_px=100)

    assert Image.open(io.BytesIO(scaled)).size == (100, 50)
    assert look_at(content.getvalue()).width_px == 300


def test_a_photo_that_lies_on_its_side_is_sent_upright() -> None:
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 150)).save(content, "JPEG", exif=exif)

    _, scaled = for_model(content.getvalue(), max_edge_px=100)

    assert Image.open(io.BytesIO(scaled)).size == (50, 100)

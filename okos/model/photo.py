"""Looking at a photo without trusting it: what it is, what is wrong with it, a form that a model takes.

Bytes from a user may be no image, a broken one, or a small file that decodes to gigabytes. So: a limit on the
bytes before anything is parsed, a limit on the pixels before anything is decoded, and only the few formats
below (Pillow knows some that start other programs). These functions are pure, slow and large (a second and
200 MB for a photo at the limit): call them off the event loop, one at a time.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, ImageOps

from okos.model.failure import ModelTold

MAX_PHOTO_BYTES = 20 * 1024 * 1024
MAX_PHOTO_PIXELS = 50_000_000
# Models scale what is larger down themselves (OpenAI: 2048), so more only costs the way there.
MAX_EDGE_PX = 2048

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders raise on broken files, besides its own UnidentifiedImageError (an OSError).
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, OverflowError, struct.error, zlib.error)
# What phones call a JPEG with a second picture in it.
_MPO = "MPO"
# What is sent instead of a photo, by the first bytes.
_SIGNATURES = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GIF8", "a broken GIF"),
    (b"\x89PNG", "a broken PNG"),
    (b"\xff\xd8", "a broken JPEG"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
)
_COLOURS = {
    "black": (0, 0, 0),
    "dark grey": (64, 64, 64),
    "grey": (128, 128, 128),
    "light grey": (200, 200, 200),
    "white": (255, 255, 255),
    "red": (230, 20, 20),
    "dark red": (120, 0, 0),
    "orange": (255, 140, 0),
    "brown": (120, 72, 30),
    "yellow": (250, 230, 30),
    "beige": (230, 215, 180),
    "green": (30, 170, 40),
    "dark green": (0, 80, 10),
    "light green": (150, 230, 140),
    "turquoise": (40, 200, 200),
    "light blue": (150, 200, 240),
    "blue": (30, 80, 220),
    "dark blue": (0, 10, 110),
    "purple": (130, 30, 160),
    "pink": (250, 160, 190),
}


class PhotoUnreadable(ModelTold):
    """What was sent as a photo is none, is broken, or is too large to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """What can be said of a photo without understanding it."""

    format: str
    width_px: int
    height_px: int
    photo_bytes: int
    colour: str
    colour_hex: str


def look_at(content: bytes) -> PhotoFacts:
    """Measure a photo and find the colour that most of it has; raises `PhotoUnreadable`."""
    with _opened(content) as image:
        width, height = image.size
        name = _format(image)
        image.draft("RGB", (128, 128))
        red, green, blue = _dominant_colour(_decoded(image, content))
    return PhotoFacts(
        format=name,
        width_px=width,
        height_px=height,
        photo_bytes=len(content),
        colour=_nearest_name((red, green, blue)),
        colour_hex=f"#{red:02x}{green:02x}{blue:02x}",
    )


def for_model(content: bytes, *, max_edge_px: int = MAX_EDGE_PX) -> tuple[str, bytes]:
    """Give the MIME type and the bytes to send: as they came if a model takes them, else scaled or converted.

    Raises:
        PhotoUnreadable: As told; a photo that only its last bytes show to be broken included.
    """
    with _opened(content) as image:
        kind = _format(image)
        if kind in {"JPEG", "PNG", "WEBP"} and max(image.size) <= max_edge_px:
            _decoded(image, content)
            return f"image/{kind.lower()}", content
        target = kind if kind in {"JPEG", "WEBP"} else "PNG"
        # JPEG can decode straight to a smaller size; the other formats ignore this.
        image.draft(None, (max_edge_px, max_edge_px))
        upright = ImageOps.exif_transpose(_decoded(image, content))
        if upright.mode not in {"RGB", "RGBA", "L"} or (target, upright.mode) == ("JPEG", "RGBA"):
            upright = upright.convert("RGB" if target == "JPEG" else "RGBA")
        upright.thumbnail((max_edge_px, max_edge_px))
        sent = io.BytesIO()
        upright.save(sent, target)
        return f"image/{target.lower()}", sent.getvalue()


def what_is_it(content: bytes) -> str:
    """Name what bytes look like that are no photo, in words for the person who sent them."""
    if not content:
        return "an empty file"
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            return name
    if content[4:8] == b"ftyp":
        return "a HEIC photo or a video"
    beginning = content[:512]
    text = beginning.decode("utf-8", "ignore")
    # The last character may be cut in two: up to three bytes of it.
    is_text = "\x00" not in text and len(text.encode()) >= len(beginning) - 3
    return "plain text" if is_text else "a file of a kind that I do not know"


def _opened(content: bytes) -> Image.Image:
    """Read the header and hold the limits, before a single pixel is decoded."""
    if len(content) > MAX_PHOTO_BYTES:
        raise PhotoUnreadable(
            f"photo of {len(content)} bytes, the limit is {MAX_PHOTO_BYTES}",
            told=f"This photo is too large for me: it has {len(content) / 2**20:.0f} MiB and I look at"
            f" {MAX_PHOTO_BYTES // 2**20} at most. Please send a smaller one.",
        )
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except _TOO_LARGE as error:
        raise _too_many_pixels("more than I can count") from error
    except _BROKEN as error:
        raise PhotoUnreadable(
            f"no photo: {type(error).__name__}",
            told=f"I could not read this as a photo: it is {what_is_it(content)}, {_size(len(content))}."
            " Please send a JPEG, PNG, WebP or GIF.",
        ) from error
    if image.width * image.height > MAX_PHOTO_PIXELS:
        image.close()
        raise _too_many_pixels(f"{image.width} x {image.height}")
    return image


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == _MPO else str(image.format)


def _decoded(image: Image.Image, content: bytes) -> Image.Image:
    try:
        image.load()
    except _BROKEN as error:
        raise PhotoUnreadable(
            f"broken {image.format}: {type(error).__name__}",
            told=f"This photo is broken: it begins as a {image.format} of {image.width} x {image.height}"
            f" pixels, but its {_size(len(content))} do not hold the whole picture. Please send it again.",
        ) from error
    return image


def _too_many_pixels(size: str) -> PhotoUnreadable:
    return PhotoUnreadable(
        f"photo of {size} pixels, the limit is {MAX_PHOTO_PIXELS}",
        told=f"This photo has too many pixels for me ({size}; I look at {MAX_PHOTO_PIXELS // 10**6}"
        " million at most). Please send a smaller one.",
    )


def _dominant_colour(image: Image.Image) -> tuple[int, int, int]:
    """Find the mean colour of the largest of eight groups of like pixels."""
    small = image.convert("RGBA").resize((64, 64), Image.Resampling.BOX)
    # What is see-through shows as white, as on paper.
    paper = Image.new("RGBA", small.size, "white")
    grouped = Image.alpha_composite(paper, small).convert("RGB").quantize(8)
    _, group = max((count, index) for index, count in enumerate(grouped.histogram()) if count)
    palette = grouped.getpalette() or [0, 0, 0]
    red, green, blue = palette[group * 3 : group * 3 + 3]
    return red, green, blue


def _nearest_name(colour: tuple[int, int, int]) -> str:
    def distance(name: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(_COLOURS[name], colour, strict=True))

    return min(_COLOURS, key=distance)


def _size(size_bytes: int) -> str:
    return f"{size_bytes:,} bytes" if size_bytes != 1 else "1 byte"

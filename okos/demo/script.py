"""What the demo's users say, and when: decided before the play begins, and the same in each.

A user sends bursts: several messages at once, without waiting. The next burst follows when the one before is almost
answered, so that everybody is busy nearly all the time.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw

from okos.local.question import Photo, Question

NAMES = ("Ada", "Ben", "Cleo", "Dev", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jan", "Kofi", "Lea")

_KINDS = ("text", "text", "photo", "text", "sticker", "text", "photo", "text")
_BURSTS = (2, 3, 1, 4)
_TEXTS = (
    "Good morning! Are you awake?",
    "How long is the coast of Norway?",
    "Write me a haiku about a queue.",
    "Remind me what I said first.",
    "Translate 'mailbox' into Finnish.",
    "And one more thing.",
    "Wait, let me ask that again.",
    "Thank you, that is all.",
)
_STICKERS = ("🎉", "🐢", "☕", "🚲", "🌻", "🦉")
_COLOURS = ("crimson", "goldenrod", "seagreen", "steelblue", "orchid", "sienna", "teal", "slateblue")
_PHOTO_PX = (96, 64)


@dataclass(frozen=True, slots=True)
class Part:
    """What one user says, burst by burst."""

    name: str
    bursts: tuple[tuple[Question, ...], ...]


def write_script(*, users: int, messages: int) -> list[Part]:
    """Write a part for each user, of so many messages."""
    return [Part(_name(number), _bursts(number, messages)) for number in range(users)]


def _name(number: int) -> str:
    first = NAMES[number % len(NAMES)]
    return first if number < len(NAMES) else f"{first}-{number // len(NAMES) + 1}"


def _bursts(user: int, messages: int) -> tuple[tuple[Question, ...], ...]:
    questions = [_question(user, number) for number in range(messages)]
    bursts = []
    turn = user
    while questions:
        size = _BURSTS[turn % len(_BURSTS)]
        bursts.append(tuple(questions[:size]))
        del questions[:size]
        turn += 1
    return tuple(bursts)


def _question(user: int, number: int) -> Question:
    kind = _KINDS[(user + number) % len(_KINDS)]
    if kind == "photo":
        return Question(text="What is this?", photo=_photo(user, number))
    if kind == "sticker":
        return Question(emoji=_STICKERS[(user + number) % len(_STICKERS)])
    return Question(text=_TEXTS[number % len(_TEXTS)])


def _photo(user: int, number: int) -> Photo:
    """Draw a small picture, of this user's colour, as a JPEG or a PNG."""
    image = Image.new("RGB", _PHOTO_PX, _COLOURS[user % len(_COLOURS)])
    width, height = _PHOTO_PX
    ImageDraw.Draw(image).ellipse((8, 8, width // 3, height - 8), fill=_COLOURS[(user + number + 1) % len(_COLOURS)])
    file_format, suffix = (("JPEG", "jpg"), ("PNG", "png"))[number % 2]
    file = io.BytesIO()
    image.save(file, file_format)
    return Photo(content=file.getvalue(), file_name=f"photo-{number + 1}.{suffix}", mime=Image.MIME[file_format])

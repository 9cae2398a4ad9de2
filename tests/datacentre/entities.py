"""Formatting of a text: what Telegram allows, and the way between the wire and plain values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .tl import T, build

MAX_ENTITIES = 100
_PREFIX = "MessageEntity"
_COMMAND = re.compile(r"(?<!\S)/[a-z0-9_]+(@\w+)?", re.IGNORECASE)
_MENTION = re.compile(r"(?<!\w)@\w{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A span in UTF-16 units. `kind` is the name on the wire: Bold, Pre, TextUrl, BotCommand…"""

    kind: str
    offset: int
    length: int
    url: str = ""
    language: str = ""
    user_id: int = 0


def utf16_units(text: str) -> int:
    """Return the length that Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def from_wire(written: Iterable[Any] | None) -> tuple[Entity, ...]:
    """Read what a client sent with a text."""
    return tuple(
        Entity(
            kind=type(entity).__name__.removeprefix("Input").removeprefix(_PREFIX),
            offset=entity.offset,
            length=entity.length,
            url=getattr(entity, "url", ""),
            language=getattr(entity, "language", ""),
            user_id=getattr(getattr(entity, "user_id", 0), "user_id", 0),
        )
        for entity in written or ()
    )


def to_wire(entities: Iterable[Entity]) -> list[Any] | None:
    """Write them, None for none: a flagged vector is absent, never empty."""
    return [
        build(
            getattr(T, _PREFIX + entity.kind),
            offset=entity.offset,
            length=entity.length,
            url=entity.url,
            language=entity.language,
            user_id=entity.user_id,
        )
        for entity in entities
    ] or None


def found_in(text: str) -> tuple[Entity, ...]:
    """Return the commands and mentions that Telegram marks by itself in what a person types."""
    spans = [("BotCommand", m) for m in _COMMAND.finditer(text)] + [("Mention", m) for m in _MENTION.finditer(text)]
    return tuple(
        Entity(kind=kind, offset=utf16_units(text[: m.start()]), length=utf16_units(m.group()))
        for kind, m in sorted(spans, key=lambda span: span[1].start())
    )


def fault_of(text: str, entities: tuple[Entity, ...]) -> str | None:
    """Return the name of the error that Telegram answers with, None when the formatting is right."""
    if len(entities) > MAX_ENTITIES:
        return "ENTITIES_TOO_LONG"
    units = utf16_units(text)
    if any(e.offset < 0 or e.length <= 0 or e.offset + e.length > units for e in entities):
        return "ENTITY_BOUNDS_INVALID"
    return None

"""From a model's Markdown to what Telegram shows: a text and spans of formatting. Pure.

Spans are counted in UTF-16 units, as Telegram does. What cannot be formatted is said as it is written: the words
matter, not their looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import telegramify_markdown
from telegramify_markdown import RenderConfig

#: What a span may be, by the converter's name, and whether it may be cut in two.
CUTTABLE = {
    "bold": True,
    "italic": True,
    "underline": True,
    "strikethrough": True,
    "spoiler": True,
    "blockquote": True,
    "code": False,
    "pre": False,
    "text_link": False,
}

#: The converter takes `vector<int>` for a tag of HTML and leaves it out. It is given one of these in the place of each
#: `<`: characters that never stand for anything, so that one that the text does not hold is always found.
_NONCHARACTERS = [chr(code) for code in range(0xFDD0, 0xFDF0)]

_LINKS = ("http://", "https://", "tg://", "mailto:", "tel:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a text that looks different."""

    kind: str
    offset: int
    length: int
    url: str = ""
    language: str = ""

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with its spans, ordered by where they begin, the longer one first."""

    text: str
    spans: tuple[Span, ...] = ()

    @property
    def plain(self) -> Marked:
        """The same words without formatting."""
        return Marked(self.text)


def units(text: str) -> int:
    """Count as Telegram counts: in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def marked(markdown: str) -> Marked:
    """Format a text as its Markdown says; a text that means none is as it was."""
    text = markdown.encode("utf-8", "replace").decode().replace("\x00", "")
    stand_in = next((one for one in _NONCHARACTERS if one not in text), None)
    if stand_in is None:
        return Marked(text)
    try:
        converted, entities = telegramify_markdown.convert(text.replace("<", stand_in), config=_config())
    except Exception:  # noqa: BLE001 - whatever a text brings the converter to, it is said without it
        return Marked(text)
    if not converted.strip():
        return Marked(text)
    spans = [
        Span(
            kind=entity.type,
            offset=entity.offset,
            length=entity.length,
            url=(entity.url or "").replace(stand_in, "<"),
            language=(entity.language or "").replace(stand_in, "<"),
        )
        for entity in entities
        if entity.type in CUTTABLE and entity.length > 0
    ]
    spans = [span for span in spans if span.kind != "text_link" or span.url.startswith(_LINKS)]
    spans.sort(key=lambda span: (span.offset, -span.length))
    return Marked(converted.replace(stand_in, "<"), tuple(spans))


def _config() -> RenderConfig:
    """Make the converter's settings: it decorates headings with little pictures unless told not to."""
    config = RenderConfig.isolated()
    symbol = config.markdown_symbol
    symbol.heading_level_1 = symbol.heading_level_2 = symbol.heading_level_3 = symbol.heading_level_4 = ""
    symbol.unordered_list_item = "•"
    return config

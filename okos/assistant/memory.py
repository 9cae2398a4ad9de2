"""What is remembered of a chat: its last turns, one stored value a turn. Pure: the store is elsewhere.

A turn is written with the ack of its message, so a retry never writes it twice; a message that is run again
later (requeued) replaces what it left the first time, for its id is the key. A line that cannot be read is
forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

# About 2,000 tokens: enough to know what a long text was about.
MAX_LINE_CHARS = 8_000
# About 8,000 tokens, which most models have room for.
MAX_WINDOW_CHARS = 32_000
_SHORTENED = " […]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One turn: the user's words and the answer to them, by the id of the message."""

    id: str
    user: str
    assistant: str


def store_name(mailbox: str) -> str:
    """Name the list that a mailbox's turns are kept in."""
    return f"memory:{mailbox}"


def written(turn: Remembered) -> bytes:
    """Write a turn as it is stored."""
    fields = {"id": turn.id, "user": _shortened(turn.user), "assistant": _shortened(turn.assistant)}
    return orjson.dumps({name: _storable(value) for name, value in fields.items()})


def window(lines: Iterable[bytes], *, turns: int, now_id: str) -> tuple[Remembered, ...]:
    """Choose what a new turn knows of the earlier ones: the last few, oldest first, within the window.

    Args:
        lines: What is stored, oldest first.
        turns: The most turns to know.
        now_id: The message being answered; what it left in an earlier run is not part of its past.
    """
    by_id: dict[str, Remembered] = {}
    for line in lines:
        turn = _read(line)
        if turn is not None and turn.id != now_id:
            by_id.pop(turn.id, None)
            by_id[turn.id] = turn
    chosen: list[Remembered] = []
    chars = 0
    for turn in reversed(by_id.values()):
        chars += len(turn.user) + len(turn.assistant)
        if len(chosen) == turns or chars > MAX_WINDOW_CHARS:
            break
        chosen.append(turn)
    return tuple(reversed(chosen))


def all_of(lines: Iterable[bytes]) -> tuple[Remembered, ...]:
    """Read all that is stored, oldest first; what cannot be read is forgotten already."""
    return tuple(turn for turn in map(_read, lines) if turn is not None)


def _read(line: bytes) -> Remembered | None:
    try:
        fields = orjson.loads(line)
        return Remembered(id=str(fields["id"]), user=str(fields["user"]), assistant=str(fields["assistant"]))
    except (ValueError, TypeError, KeyError):
        return None


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_LINE_CHARS else text[:MAX_LINE_CHARS] + _SHORTENED


def _storable(text: str) -> str:
    """Replace lone halves of characters, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()

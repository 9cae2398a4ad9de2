"""What a model is asked: the system prompt, the turns before, and what the user said now. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo as it came, not yet looked at: it may be no image at all."""

    content: bytes = field(repr=False)
    file_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that the user or the assistant said; `emoji` is set when it was a sticker."""

    role: Literal["user", "assistant"]
    text: str
    emoji: str = ""
    photos: tuple[Photo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Everything that one answer is made from; `earlier` holds whole turns, oldest first."""

    system: str
    earlier: tuple[Said, ...] = ()
    latest: Said

    def forgetting_half(self) -> Conversation:
        """Leave out the older half of the turns before; only whole turns, so the last one goes at once."""
        turns = len(self.earlier) // 2
        return replace(self, earlier=self.earlier[(turns + 1) // 2 * 2 :])

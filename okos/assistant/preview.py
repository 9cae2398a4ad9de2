"""How often a growing answer is shown before it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A reader sees no difference below this, and a channel that must be slower leaves some out itself.
EVERY_MS = 300


class Preview:
    """Shows an answer as it grows: the first piece at once, then the whole so far, at most every `every_ms`.

    A preview is worth nothing once the answer is there, so none is kept back or sent late.

    Args:
        send: Takes the text so far; must neither block nor raise.
        now_ms: A clock that never goes back.
        every_ms: The least time between two previews.
    """

    def __init__(self, send: Callable[[str], None], *, now_ms: Callable[[], int], every_ms: int = EVERY_MS) -> None:
        self._send = send
        self._now_ms = now_ms
        self._every_ms = every_ms
        self._due_ms = now_ms()

    def show(self, pieces: Sequence[str]) -> None:
        """Show the pieces so far, if it is time."""
        now_ms = self._now_ms()
        if now_ms >= self._due_ms:
            self._due_ms = now_ms + self._every_ms
            self._send("".join(pieces))

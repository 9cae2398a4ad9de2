"""What has come from Telegram and is not yet published, in the order of the wire; bounded.

When it is full, what comes is dropped, and that something was dropped is remembered: Telegram keeps every change, and
the difference brings it again. So no memory is filled while Redis is away, and nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import Any

from okos.telegram.library import T


class Mark(Enum):
    """What stands in the inbox beside Telegram's updates."""

    RECONNECTED = "reconnected"


class Inbox:
    """Filled and emptied on one event loop.

    Args:
        room: How many bundles of updates it holds.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._waiting: deque[Any] = deque()  # Any: generated
        self._filled = asyncio.Event()
        self._missed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether what comes now is left to the difference."""
        return len(self._waiting) >= self._room

    def put(self, update: Any) -> None:  # Any: generated
        """Take in what came; at once, for the order of calls is the order of the wire."""
        if self.is_full:
            self._missed = True
        else:
            self._waiting.append(update)
        self._filled.set()

    async def take(self, *, most: int, timeout_s: float) -> list[Any]:  # Any: generated
        """Wait for what comes; gives up to `most`, or nothing after the time."""
        if not self._waiting and not self._missed:
            self._filled.clear()
            try:
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
                async with asyncio.timeout(timeout_s):
                    await self._filled.wait()
            except TimeoutError:
                return []
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if self._missed and not self._waiting:
            self._missed = False
            taken.append(T.UpdatesTooLong())
        return taken

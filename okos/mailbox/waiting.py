"""Waiting for a condition by looking again and again, with pauses that grow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout_s: float | None) -> bool:
    """Wait until the condition holds; False when it did not in time. None waits for ever."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s = 0.005
    while not condition():
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)
    return True

"""Waiting for another OS process."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, deadline_s: float, pause_s: float = 0.02) -> bool:
    """Return True as soon as `condition` holds; False when it did not within the deadline."""
    give_up_at = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(pause_s)
    return True

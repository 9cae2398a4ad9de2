"""Waiting for another OS process."""

import time
from collections.abc import Callable


class Impatient(Exception):
    """Something did not happen before its deadline."""


def wait_until(condition: Callable[[], bool], what: str, *, deadline_s: float) -> None:
    """Return when `condition` holds.

    Raises:
        Impatient: it did not within the deadline; the message names `what` was awaited.
    """
    give_up_at = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > give_up_at:
            raise Impatient(f"Waited {deadline_s:.0f} s in vain until {what}.")
        time.sleep(0.01)

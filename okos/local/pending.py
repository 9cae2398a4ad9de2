"""Which questions of a chat are still to be answered; asked by one thread, told by another."""

from __future__ import annotations

import threading
import time


class Pending:
    """The ids of the envelopes that wait for the reply that ends their turn, oldest first.

    `fail` ends every wait: the thread that hands answers on cannot go on, and no answer will end it.
    """

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    def add(self, envelope_id: str) -> None:
        """Note a question, before it is sent: its answer may be quick."""
        with self._changed:
            self._ids[envelope_id] = None

    def remove(self, envelope_id: str) -> None:
        """Note that a question is answered, or was not sent after all."""
        with self._changed:
            self._ids.pop(envelope_id, None)
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """Give this to whoever waits, now and later."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def first(self) -> str | None:
        """Return the oldest; None if everything is answered."""
        with self._changed:
            return next(iter(self._ids), None)

    def count(self) -> int:
        """Return how many are not answered."""
        with self._changed:
            return len(self._ids)

    def wait_until_at_most(self, count: int, *, timeout_s: float | None = None) -> bool:
        """Wait until at most so many are left; False if it took too long.

        Raises:
            BaseException: What `fail` was given.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while self._failure is None and len(self._ids) > count:
                left_s = None if deadline is None else deadline - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return False
                self._changed.wait(left_s)
            if self._failure is not None:
                raise self._failure
            return True

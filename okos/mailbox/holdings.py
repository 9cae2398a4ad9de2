"""The tokens in the hands of this OS process, from claim to confirmed settle."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okos.mailbox.delivery import Delivery


class Holdings:
    """What is claimed here and not yet settled. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._held: dict[str, Delivery] = {}
        self._open = 0
        self._suspects = 0
        self._claimed = 0
        self._changed = threading.Condition()

    def add(self, deliveries: list[Delivery]) -> None:
        """Take new claims into hand."""
        with self._changed:
            for delivery in deliveries:
                self._held[delivery.claimed.token] = delivery
                self._open += 1
                self._claimed += 1
                self._suspects += delivery.claimed.suspect

    def end(self, delivery: Delivery) -> None:
        """Note that a delivery needs its thread no longer; its token is kept until `remove`."""
        with self._changed:
            if not delivery.ended:
                delivery.ended = True
                self._open -= 1
                if self._open == 0:
                    self._changed.notify_all()

    def remove(self, delivery: Delivery) -> None:
        """Forget a token whose settle is confirmed or refused."""
        with self._changed:
            if self._held.pop(delivery.claimed.token, None) is not None:
                self._suspects -= delivery.claimed.suspect
        if delivery.on_settled is not None:
            delivery.on_settled()
            delivery.on_settled = None

    def in_hand(self) -> int:
        """Count what was claimed and has not ended."""
        return self._open

    def claimed(self) -> int:
        """Count all that was ever claimed here."""
        return self._claimed

    def holds_suspect(self) -> bool:
        """Say whether a suspect is among them."""
        return self._suspects > 0

    def snapshot(self) -> list[Delivery]:
        """Return all that is held, also what only waits for its confirmation."""
        with self._changed:
            return list(self._held.values())

    def count_taken(self, before: float) -> int:
        """Count the threads whose message they took before that instant of `time.monotonic()`."""
        return sum(
            not delivery.ended and delivery.taken_at is not None and delivery.taken_at < before
            for delivery in self.snapshot()
        )

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is claimed or running; False when it took too long."""
        end = time.monotonic() + timeout_s
        with self._changed:
            while self._open > 0:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

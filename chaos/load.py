"""The thread that publishes: user by user in order, again and again until the server has accepted a message."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from chaos.letter import DEADLY, HUNG, HUNG_MOST_MS, Letter
from okos.mailbox import MailboxBroker, StoreUnavailable

PAUSE_S = 0.1


class Load(threading.Thread):
    """Publishes `rate` letters a second until it is told to stop, or `most` of them.

    Attributes:
        accepted: The letters that the server has taken, by their id, in the order in which it did.
        accepted_at_ns: When each was known to be accepted.
        refusals: How often it was told to try again, by the reason.
    """

    def __init__(
        self, broker: MailboxBroker, letters: Iterator[Letter], *, rate: float, most: int | None = None
    ) -> None:
        super().__init__(name="load", daemon=True)
        self._broker = broker
        self._letters = letters
        self._rate = rate
        self._most = most
        self._stopping = threading.Event()
        self._deadly, self._hung = threading.Semaphore(0), threading.Semaphore(0)
        self.accepted: dict[str, Letter] = {}
        self.sent_at_ns: dict[str, int] = {}
        self.accepted_at_ns: dict[str, int] = {}
        self.refusals: Counter[str] = Counter()

    def poison(self) -> None:
        """Make the next letter one that ends the OS process of its handler."""
        self._deadly.release()

    def hang(self) -> None:
        """Make the next letter for a thread one that hangs."""
        self._hung.release()

    def stop(self) -> None:
        """Write no further letter; the one on its way is still delivered."""
        self._stopping.set()

    def run(self) -> None:
        """Publish until stopped."""
        due = time.monotonic()
        while not self._stopping.is_set() and (self._most is None or len(self.accepted) < self._most):
            letter = next(self._letters)
            if letter.is_strict and self._deadly.acquire(blocking=False):
                letter = replace(letter, how=DEADLY)
            elif letter.is_strict and letter.actor == "work" and self._hung.acquire(blocking=False):
                letter = replace(letter, how=HUNG, ms=min(letter.ms, HUNG_MOST_MS))
            self._deliver(letter)
            due += 1 / self._rate
            self._stopping.wait(max(0.0, due - time.monotonic()))

    def _deliver(self, letter: Letter) -> None:
        message = letter.message()
        while True:
            self.sent_at_ns.setdefault(letter.id, time.monotonic_ns())
            try:
                self._broker.enqueue(message, delay=letter.delay_ms or None)
            except StoreUnavailable as error:
                self.refusals[_reason(error)] += 1
                time.sleep(PAUSE_S)
            else:
                self.accepted[letter.id] = letter
                self.accepted_at_ns[letter.id] = time.monotonic_ns()
                return


def _reason(error: StoreUnavailable) -> str:
    return "the server is full" if "maxmemory" in str(error) else "the server cannot be reached"

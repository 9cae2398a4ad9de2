"""The thread that does what operators do while all of it goes on: cancel, pause, requeue, and the server's settings.

Its calls may meet a server that does not answer; they must not hold up whoever is to wake that server.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import redis

from chaos.evidence import UNKNOWN, Cancel, Clear, Pause
from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.server import Server
    from okos.mailbox import MailboxBroker

#: What could not be done in time is not done at all: its moment has passed.
STALE_S = 3.0
PAUSE_S = 0.1


class Operator(threading.Thread):
    """See the module.

    Attributes:
        cancels: What became of each cancel.
        clears: Which mailboxes were cancelled whole.
        pauses: What was paused, and surely so from when to when.
        requeued_at_ns: When each dead letter was first asked to be requeued.
        reborn_at_ns: When it was last asked to be, with an answer.
    """

    def __init__(self, broker: MailboxBroker, server: Server) -> None:
        super().__init__(name="operator", daemon=True)
        self._broker = broker
        self._server = server
        self._asked: SimpleQueue[tuple[float, bool, Callable[[], None]] | None] = SimpleQueue()
        self._paused: dict[str, int] = {}
        self.cancels: list[Cancel] = []
        self.clears: list[Clear] = []
        self.pauses: list[Pause] = []
        self.requeued_at_ns: dict[str, int] = {}
        self.reborn_at_ns: dict[str, int] = {}

    def cancel(self, message_id: str) -> None:
        """Cancel a message."""
        self._ask(lambda: self._cancel(message_id))

    def clear(self, user: str) -> None:
        """Cancel all that a mailbox holds."""
        self._ask(lambda: self._clear(user))

    def pause(self, user: str) -> None:
        """Pause a mailbox; all for ''."""
        self._ask(lambda: self._pause(user))

    def resume(self, user: str) -> None:
        """Resume it, as soon as the server can be reached."""
        self._ask(lambda: self._resume(user), must=True)

    def requeue(self) -> None:
        """Requeue all dead letters."""
        self._ask(self._requeue)

    def fill(self) -> None:
        """Leave the server no memory."""
        self._ask(self._server.fill)

    def relieve(self) -> None:
        """Leave it all the memory there is."""
        self._ask(lambda: self._server.configure("maxmemory", 0), must=True)

    def disconnect_all(self) -> None:
        """Break all connections to the server."""
        self._ask(self._server.disconnect_all)

    def forget_scripts(self) -> None:
        """Empty the server's cache of scripts."""
        self._ask(self._server.forget_scripts)

    def stop(self) -> None:
        """Do what must be done and end."""
        self._asked.put(None)

    def _ask(self, action: Callable[[], None], *, must: bool = False) -> None:
        self._asked.put((time.monotonic(), must, action))

    def run(self) -> None:
        """Serve until stopped."""
        while (one := self._asked.get()) is not None:
            asked_at, must, action = one
            while must or time.monotonic() - asked_at < STALE_S:
                try:
                    action()
                except (StoreUnavailable, redis.RedisError, OSError):
                    time.sleep(PAUSE_S)
                else:
                    break

    def _cancel(self, message_id: str) -> None:
        asked_ns = time.monotonic_ns()
        try:
            outcome = self._broker.cancel(message_id)
        except StoreUnavailable:
            outcome = UNKNOWN
        self.cancels.append(Cancel(message_id, outcome, asked_ns, time.monotonic_ns()))

    def _clear(self, user: str) -> None:
        asked_ns, is_answered = time.monotonic_ns(), False
        try:
            self._broker.cancel_mailbox(user)
            is_answered = True
        finally:  # without an answer it may have been done all the same
            self.clears.append(Clear(user, asked_ns, time.monotonic_ns(), is_answered))

    def _pause(self, user: str) -> None:
        self._broker.pause(user or None)
        self._paused[user] = time.monotonic_ns()

    def _resume(self, user: str) -> None:
        from_ns, until_ns = self._paused.pop(user, 0), time.monotonic_ns()
        if from_ns:
            self.pauses.append(Pause(user, from_ns, until_ns))
        self._broker.resume(user or None)

    def _requeue(self) -> None:
        letters = self._broker.failed(limit=1000)
        now_ns = time.monotonic_ns()
        for letter in letters:
            self.requeued_at_ns.setdefault(letter.id, now_ns)
        self._broker.requeue([letter.id for letter in reversed(letters)])
        self.reborn_at_ns |= dict.fromkeys((letter.id for letter in letters), now_ns)

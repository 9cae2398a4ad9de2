"""The thread that waits on the server for ready work, only while this process has nothing to do."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from okos.mailbox.errors import StoreUnavailable

if TYPE_CHECKING:
    import redis

    from okos.mailbox.engine import Engine

log = logging.getLogger(__name__)

#: A lost bell costs this long at most; a wake-up in ten seconds is cheap.
WAIT_S = 10.0
PAUSE_S = 0.5


class Bell(threading.Thread):
    """See the module. `listen` starts one wait; it ends with a ring, with `interrupt`, or with time."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="okos-bell", daemon=True)
        self._engine = engine
        self._client: redis.Redis = engine.store.another_connection(socket_timeout_s=WAIT_S + 5)
        self._hungry = threading.Event()
        self._waiting_for: list[str] = []

    def listen(self) -> None:
        """Wait for the bell, if not waiting already."""
        self._hungry.set()

    def interrupt(self) -> None:
        """Look at the engine again: it serves another queue, or is closed."""
        self._hungry.set()
        if self._waiting_for and (self._engine.closed.is_set() or self._waiting_for != self._engine.queues()):
            # redis-py has no way to end a blocked call from outside but to take its connection away
            self._client.connection_pool.disconnect(inuse_connections=True)

    def run(self) -> None:
        """Serve until the engine is closed."""
        engine = self._engine
        while not engine.closed.is_set():
            self._hungry.wait()
            self._hungry.clear()
            if engine.closed.is_set():
                return
            try:
                self._waiting_for = engine.queues()
                rung = engine.store.listen(self._client, self._waiting_for, WAIT_S)
                self._waiting_for = []
                if rung is not None and engine.pump.room() == 0:
                    engine.store.ring(rung)
            except StoreUnavailable:
                self._waiting_for = []
                if engine.closed.wait(PAUSE_S):
                    return
            except Exception:
                self._waiting_for = []
                log.exception("the bell met an error that it does not know; it goes on")
                engine.closed.wait(PAUSE_S)
            engine.pump.wake()

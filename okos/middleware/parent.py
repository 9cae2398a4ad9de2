"""A worker ends with the process that started it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware

from okos.mailbox.image import master_pid

if TYPE_CHECKING:
    from dramatiq import Broker

LOOK_S = 0.5
#: An orphan has nobody who waits for it: what its handlers cannot end in this time runs again elsewhere.
HURRY_S = 3.0


class EndWithParent(Middleware):
    """Stops a worker whose parent is gone: `kill -9` of the dramatiq master leaves its workers alive.

    It stops gracefully for a few seconds and then at once. An orphan is recognised by its parent's id.
    """

    def after_process_boot(self, broker: Broker) -> None:
        """Start watching, in the worker process."""
        del broker
        # Not asked of the system: by now it may already name another parent.
        threading.Thread(target=self._watch, args=(master_pid(),), name="okos-parent", daemon=True).start()

    def _watch(self, parent: int) -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(LOOK_S)
        # Not a word in the log: it goes through a pipe that the parent read, and would wait for ever once that is full.
        os.kill(os.getpid(), signal.SIGTERM)
        pause.wait(HURRY_S)
        os._exit(1)

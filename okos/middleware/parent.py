"""A worker ends with the process that started it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware

if TYPE_CHECKING:
    from dramatiq import Broker

log = logging.getLogger(__name__)

LOOK_S = 0.5


class EndWithParent(Middleware):
    """Stops a worker, gracefully, when its parent is gone: `kill -9` of the dramatiq master leaves its workers alive.

    An orphan is recognised by its parent's id changing.
    """

    def after_process_boot(self, broker: Broker) -> None:
        """Start watching, in the worker process."""
        del broker
        parent = os.getppid()
        threading.Thread(target=self._watch, args=(parent,), name="okos-parent", daemon=True).start()

    def _watch(self, parent: int) -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(LOOK_S)
        log.warning("the parent process %d is gone; this worker stops", parent)
        os.kill(os.getpid(), signal.SIGTERM)

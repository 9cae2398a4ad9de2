"""The start line: every worker process waits there, booted, until the harness lets all of them go at once.

Without it the first process would drain a fast queue alone while the second still imports.
"""

import os
import time
from pathlib import Path

import dramatiq

from benchmarks.ledger import Ledger

_LOOK_EVERY_S = 0.001


class Gate(dramatiq.Middleware):
    """Holds a worker at its boot, and opens and closes its ledger."""

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        self._directory = directory
        self._ledger = ledger

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Called before the first message is asked for."""
        self._ledger.open()
        wait_at(self._directory)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002
        """Called when no handler runs any more."""
        self._ledger.close()


def wait_at(directory: Path) -> None:
    """Tell that this process is ready, and wait until the gate is open."""
    (directory / f"{os.getpid()}.ready").touch()
    while not (directory / "go").exists():
        time.sleep(_LOOK_EVERY_S)


def waiting_pids(directory: Path) -> list[int]:
    """Return the ids of the processes that have come to the gate."""
    return sorted(int(path.stem) for path in directory.glob("*.ready"))


def let_go(directory: Path) -> None:
    """Open the gate, for good."""
    (directory / "go").touch()

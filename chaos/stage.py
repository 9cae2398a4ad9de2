"""A stage for what is to be measured: a server, workers and a reader of the replies, and no trouble of its own."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaos.crew import BOOT_S, Crew
from chaos.note import read_notes
from chaos.outbox import Outbox
from chaos.patience import wait_until
from chaos.server import Server
from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from chaos.letter import Letter
    from chaos.note import Note

#: Never needed; what has not happened by then never will.
DEADLINE_S = 120.0
STOP_S = 60.0


class Unmoved(RuntimeError):
    """What was waited for did not happen."""


class Stage:
    """See the module; made by `staged`."""

    def __init__(self, directory: Path, broker: MailboxBroker, crew: Crew) -> None:
        self._notes = directory / "notes"
        self.broker = broker
        self.crew = crew

    def send(self, letter: Letter, **options: object) -> int:
        """Send a letter, with options beside its own; returns when it was accepted (ns)."""
        message = letter.message()
        message.options.update(options)
        self.broker.enqueue(message, delay=letter.delay_ms or None)
        return time.monotonic_ns()

    def notes(self, *what: str) -> list[Note]:
        """Read what the handlers noted so far, or of this kind."""
        return [note for note in read_notes(self._notes) if not what or note.what in what]

    def find(self, user: str, seq: int, *what: str) -> Note:
        """Wait until this was noted of a message for the first time."""
        found: list[Note] = []

        def is_there() -> bool:
            found[:] = [note for note in self.notes(*what) if (note.user, note.seq) == (user, seq)]
            return bool(found)

        self.wait(is_there, f"{user}-{seq} {'or '.join(what)}")
        return found[0]

    def wait(self, condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> None:
        """Wait for something, and look after the workers meanwhile.

        Raises:
            Unmoved: It did not happen.
        """

        def holds() -> bool:
            self.crew.look()
            return condition()

        if not wait_until(holds, deadline_s=deadline_s, pause_s=0.01):
            raise Unmoved(f"waited in vain: {what}")

    def drain(self) -> None:
        """Wait until nothing waits or runs."""

        def is_drained() -> bool:
            stats = self.broker.stats()
            return stats.waiting == 0 and stats.running == 0

        self.wait(is_drained, "all is done")


@contextmanager
def staged(
    directory: Path,
    *,
    workers: int = 2,
    threads: int = 4,
    lease_ms: int = 15_000,
    rate: Mapping[str, float] | None = None,
) -> Iterator[Stage]:
    """Set the stage for the block, and take it away after it."""
    (directory / "notes").touch()
    options: dict[str, Any] = {  # Any: JSON
        "notes": str(directory / "notes"),
        "lease_ms": lease_ms,
        "grace_ms": 2_000,
        "dead_count": 1_000_000,
        "keep_commits": 1,
        "max_retries": 3,
        "jobs": 1,
        "rate": dict(rate or {}),
    }
    server = Server(directory)
    server.start()
    broker = MailboxBroker(server.url, lease_ms=lease_ms, middleware=[])
    crew = Crew(directory, options, size=workers, threads=threads, urls=[server.url] * workers)
    stage = Stage(directory, broker, crew)
    outbox = Outbox(server.url, lease_ms=lease_ms)
    try:
        stage.wait(
            lambda: len(broker.workers()) >= workers and len(crew.worker_pids()) == workers,
            "the workers serve",
            deadline_s=BOOT_S,
        )
        yield stage
        outbox.close()
        crew.stop(STOP_S)
    finally:
        outbox.close()
        crew.stop(0)
        broker.close()
        server.stop()

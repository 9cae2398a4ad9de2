"""What the handlers note: one line per start and per end, written by many OS processes into one file.

The clock is CLOCK_MONOTONIC, one for the whole machine.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

START, DONE, FAILED, STOPPED = "start", "done", "failed", "stopped"


@dataclass(frozen=True, slots=True)
class Note:
    """A handler started, or ended: done, failed (it raised) or stopped (it was interrupted)."""

    at_ns: int
    pid: int
    user: str
    seq: int
    attempt: int
    token: str
    what: str


class Notebook:
    """The file, open for appending. A line is one write, so lines of several OS processes do not mix."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, user: str, seq: int, attempt: int, token: str, what: str) -> None:
        """Add a line, with the time and the OS process."""
        line = f"{time.monotonic_ns()} {os.getpid()} {user} {seq} {attempt} {token} {what}\n"
        os.write(self._file, line.encode())


def read_notes(path: Path) -> list[Note]:
    """Read all lines, by time."""
    notes = []
    for line in path.read_text(encoding="utf-8").splitlines():
        at_ns, pid, user, seq, attempt, token, what = line.split(" ")
        notes.append(Note(int(at_ns), int(pid), user, int(seq), int(attempt), token, what))
    return sorted(notes, key=lambda note: note.at_ns)

"""What the handlers did: one row per run, written by the workers, read by the harness.

Writing must cost the measured process next to nothing: a handler appends to a deque, and a thread writes that
to a file of its process a few times a second. The clock is CLOCK_MONOTONIC, one for the whole machine.
"""

import os
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ROW = struct.Struct("<IIqq")
_WRITE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the handler."""

    user: int
    seq: int
    start_ns: int
    end_ns: int


class Ledger:
    """The runs of this OS process, on their way to a file in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rows: deque[bytes] = deque()
        self._closed = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def handle(self, user: int, seq: int, sleep_ms: int) -> None:
        """Be the handler: sleep as told, and note when that was."""
        start_ns = time.monotonic_ns()
        if sleep_ms:
            time.sleep(sleep_ms / 1000)
        self._rows.append(_ROW.pack(user, seq, start_ns, time.monotonic_ns()))

    def open(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what is left."""
        self._closed.set()
        self._writer.join()

    def _write(self) -> None:
        with (self._directory / f"{os.getpid()}.rows").open("ab") as file:
            closed = False
            while not closed:
                closed = self._closed.wait(_WRITE_EVERY_S)
                file.write(b"".join(self._rows.popleft() for _ in range(len(self._rows))))
                file.flush()


def count_runs(directory: Path) -> int:
    """Count the runs written so far, without reading them."""
    return sum(path.stat().st_size for path in directory.glob("*.rows")) // _ROW.size


def read_runs(directory: Path) -> list[Run]:
    """Read the runs of all processes, by their start."""
    runs = [
        Run(user=user, seq=seq, start_ns=start_ns, end_ns=end_ns)
        for path in directory.glob("*.rows")
        for user, seq, start_ns, end_ns in _ROW.iter_unpack(path.read_bytes())
    ]
    return sorted(runs, key=lambda run: run.start_ns)


def count_out_of_order(runs: Iterable[Run]) -> int:
    """Count the messages that started before an earlier message of the same user had ended.

    Of a message that ran more than once, the first run counts.
    """
    by_user: dict[int, dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: run.start_ns):
        by_user.setdefault(run.user, {}).setdefault(run.seq, run)
    out_of_order = 0
    for messages in by_user.values():
        latest_end_ns = 0
        for seq in sorted(messages):
            out_of_order += messages[seq].start_ns < latest_end_ns
            latest_end_ns = max(latest_end_ns, messages[seq].end_ns)
    return out_of_order


def count_doubled(runs: Iterable[Run]) -> int:
    """Count the runs of a message beyond its first."""
    seen = [(run.user, run.seq) for run in runs]
    return len(seen) - len(set(seen))

"""What the handlers did: one row per run, written by the workers, read by the harness.

Writing must cost the measured process next to nothing: a handler appends to a deque, and a thread writes that
to a file of its process a few times a second. The clock is CLOCK_MONOTONIC, one for the whole machine.
"""

import array
import asyncio
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_ROW = struct.Struct("<IIqq")
_START = struct.Struct("<IIq")
_WRITE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the handler."""

    user: int
    seq: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start of the handler, in which OS process; whether it came to its end, the runs tell."""

    user: int
    seq: int
    start_ns: int
    pid: int


class Ledger:
    """The runs of this OS process, on their way to a file in `directory`.

    Args:
        directory: Where the files go.
        notes_starts: Write each start, too, and all at once: of a process that is killed it is all there is.
    """

    def __init__(self, directory: Path, *, notes_starts: bool = False) -> None:
        self._directory = directory
        self._rows: deque[bytes] = deque()
        self._delays_us: deque[int] = deque()
        self._notes_starts = notes_starts
        self._files: dict[str, IO[bytes]] = {}
        self._closed = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)

    def handle(self, user: int, seq: int, sleep_ms: int, _tokens: int = 0, _token_ms: int = 0) -> None:
        """Be the handler: sleep as told, and note when that was."""
        start_ns = time.monotonic_ns()
        if self._notes_starts:
            self._files["starts"].write(_START.pack(user, seq, start_ns))
        if sleep_ms:
            time.sleep(sleep_ms / 1000)
        row = _ROW.pack(user, seq, start_ns, time.monotonic_ns())
        if self._notes_starts:
            self._files["rows"].write(row)
        else:
            self._rows.append(row)

    async def tell(self, user: int, seq: int, _sleep_ms: int, tokens: int, token_ms: int) -> None:
        """Be a handler that streams: tell so many tokens at their times, and note how late each was."""
        start_ns = time.monotonic_ns()
        for number in range(1, tokens + 1):
            due_ns = start_ns + number * token_ms * 1_000_000
            await asyncio.sleep((due_ns - time.monotonic_ns()) / 1e9)
            self._delays_us.append(max(0, time.monotonic_ns() - due_ns) // 1000)
        self._rows.append(_ROW.pack(user, seq, start_ns, time.monotonic_ns()))

    def open(self) -> None:
        """Begin to write."""
        for kind in ("rows", "delays", "starts"):
            path = self._directory / f"{os.getpid()}.{kind}"
            self._files[kind] = path.open("ab", buffering=0)
        self._writer.start()

    def close(self) -> None:
        """Write what is left."""
        self._closed.set()
        self._writer.join()
        for file in self._files.values():
            file.close()

    def _write(self) -> None:
        closed = False
        while not closed:
            closed = self._closed.wait(_WRITE_EVERY_S)
            # rows are taken first and written last: who counts them finds the delays of each in the file
            ended = b"".join(self._rows.popleft() for _ in range(len(self._rows)))
            late_us = (self._delays_us.popleft() for _ in range(len(self._delays_us)))
            self._files["delays"].write(array.array("I", late_us).tobytes())
            self._files["rows"].write(ended)


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


def read_starts(directory: Path) -> list[Start]:
    """Read the starts of all processes, by when they were."""
    starts = [
        Start(user=user, seq=seq, start_ns=start_ns, pid=int(path.stem))
        for path in directory.glob("*.starts")
        for user, seq, start_ns in _START.iter_unpack(path.read_bytes())
    ]
    return sorted(starts, key=lambda start: start.start_ns)


def read_delays_us(directory: Path) -> list[int]:
    """Read how late each token was, in us."""
    delays = array.array("I")
    for path in directory.glob("*.delays"):
        delays.frombytes(path.read_bytes())
    return delays.tolist()


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

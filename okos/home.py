"""OKOS_HOME: the directory of one Okos on one machine, and what is found in it.

    lock              held (flock) by the `okos up` that runs here; holds its pid
    running.json      what that `okos up` runs: for `okos status`, and for whoever wants to know the pids
    server/           data, log and pid of the embedded server
    server.sock       its socket; server.where points to it when the path would be too long for a socket

A lock ends with the process that holds it, whatever ends that: it is the only thing here that is ever trusted
to say that an Okos runs.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from okos.errors import OkosError

_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_S = 0.05  # a reader holds the lock for an instant: do not take it for an Okos


class HomeUnusable(OkosError):
    """OKOS_HOME cannot be created or written to."""


class AlreadyRunning(OkosError):
    """Another `okos up` holds this home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What an `okos up` runs, as it wrote down itself."""

    pid: int
    started_ms: int
    server: str
    children: dict[str, int | None] = field(default_factory=dict)


def prepare_home(home: Path) -> Path:
    """Make sure that the directory exists, is ours alone and can be written to.

    Raises:
        HomeUnusable: It cannot be used, and why.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise HomeUnusable(
            f"OKOS_HOME {home} cannot be used: {error.strerror or error}; set it to a directory that can"
        ) from error
    return home


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold this home for as long as the block runs, or the process lives.

    Raises:
        AlreadyRunning: Someone else holds it.
    """
    with (home / "lock").open("a+", encoding="utf-8") as lock:
        if not _acquire(lock):
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise AlreadyRunning(f"an Okos already runs in {home} (pid {pid}); stop it, or set OKOS_HOME to another")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)
            with suppress(FileNotFoundError):
                _running_path(home).unlink()


def write_running(home: Path, running: Running) -> None:
    """Note down what runs; a reader sees the old note or the new one, never half of one."""
    draft = home / f".running-{os.getpid()}"
    draft.write_text(json.dumps(asdict(running)), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(_running_path(home))


def read_running(home: Path) -> Running | None:
    """What runs in this home; None if no `okos up` does."""
    try:
        with (home / "lock").open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(**json.loads(_running_path(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # never started, still starting, or the note of another version
    return None


def _acquire(lock: TextIO) -> bool:
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False


def _running_path(home: Path) -> Path:
    return home / "running.json"

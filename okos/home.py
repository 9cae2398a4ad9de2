"""OKOS_HOME: the directory of one Okos on one machine, and what is found in it.

    lock              held (flock) by the `okos up` that runs here; holds its pid
    running.json      what that `okos up` runs: for `okos status`, and for whoever wants to know the pids
    server/           data, log and pid of the embedded server
    server.sock       its socket; server.where points to it when the path would be too long for a socket

The directory and all in it are for its owner alone, whatever the umask of who started Okos: what is made here is made
by `open_private`, or by a child whose umask says so.

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
from typing import BinaryIO, cast

from okos.errors import OkosError

#: The umask of a child that makes files here.
PRIVATE_UMASK = 0o077

_FILE_MODE = 0o600
_OTHERS = 0o077
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
        open_private(probe, os.O_WRONLY | os.O_CREAT).close()
        probe.unlink()
    except OSError as error:
        raise HomeUnusable(
            f"OKOS_HOME {home} cannot be used: {error.strerror or error}; set it to a directory that can"
        ) from error
    return home


def open_private(path: Path, flags: int) -> BinaryIO:
    """Open a file that nobody else may read: made with that mode, and given it if it was made by an older version.

    Args:
        path: The file.
        flags: As `os.open` takes them.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, _FILE_MODE)
    try:
        if os.fstat(descriptor).st_mode & _OTHERS:
            os.fchmod(descriptor, _FILE_MODE)
        return cast("BinaryIO", os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "wb"))
    except BaseException:
        os.close(descriptor)
        raise


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    with open_private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        file.write(text.encode())


def append_private(path: Path) -> BinaryIO:
    """Open a log that nobody else may read, at its end."""
    return open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def is_open_to_others(home: Path) -> bool:
    """Tell whether somebody else may look into this directory: it was there before Okos came, or was changed since."""
    return bool(home.stat().st_mode & _OTHERS)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold this home for as long as the block runs, or the process lives.

    Raises:
        AlreadyRunning: Someone else holds it.
    """
    path = home / "lock"
    with append_private(path) as lock:
        if not _acquire(lock):
            pid = path.read_text(encoding="utf-8").strip() or "unknown"
            raise AlreadyRunning(f"an Okos already runs in {home} (pid {pid}); stop it, or set OKOS_HOME to another")
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
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
    write_private(draft, json.dumps(asdict(running)))
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


def _acquire(lock: BinaryIO) -> bool:
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

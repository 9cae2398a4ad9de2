"""A real server for tests: the bundled Valkey on a unix socket in a directory of its own.

Whoever connects may do what Okos may do on a server that is guarded (`okos.server.acl`), in any namespace, and no more:
a command that it needs and is not allowed fails here first. A test that needs more connects as the admin.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from redis import Redis
from redis.exceptions import RedisError

from okos.child import reap, spawn
from okos.server import as_admin, find_binary
from okos.server.acl import DEFAULT, okos_user

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

DEADLINE_S = 60.0
USERS = f"{okos_user(DEFAULT, None, namespace='*')}\n"
_ADMIN = "user admin reset on nopass ~* &* +@all\n"


def eventually(condition: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds, or fail after a time that is never needed."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for never came"
        time.sleep(0.01)


class RealServer:
    """One server process with its data in `directory`; started again it goes on with what it had."""

    def __init__(
        self, directory: Path, *, aof: bool = False, options: Mapping[str, str] | None = None, users: str = USERS
    ) -> None:
        self._users = users
        self._directory = directory
        self._socket = directory / "s"
        self._options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "dir": str(directory),
            "aclfile": str(directory / "users.acl"),
            "save": "",
            "appendonly": "yes" if aof else "no",
            "appendfsync": "always" if aof else "no",
            "maxmemory-policy": "noeviction",
            "enable-debug-command": "local",
            **(options or {}),
        }
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    @property
    def admin_url(self) -> str:
        """The address of who may do everything."""
        return as_admin(self.url)

    def start(self) -> None:
        """Start it and wait until it answers."""
        (self._directory / "users.acl").write_text(self._users + _ADMIN, encoding="utf-8")
        command = [str(find_binary())]
        for name, value in self._options.items():
            command += [f"--{name}", value]
        with (self._directory / "log").open("ab") as log:
            self._child = spawn(command, output=log)
        eventually(self._answers)

    def stop(self) -> None:
        """End it, its log written."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._child is not None
        os.kill(self._child.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)
            self._child.wait(DEADLINE_S)
            reap(self._child)
            self._child = None

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, (self._directory / "log").read_text()
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False


@contextmanager
def a_server(
    *, aof: bool = False, options: Mapping[str, str] | None = None, users: str = USERS
) -> Iterator[RealServer]:
    """Run a server for the length of a `with` block. Its path is short: a socket's may have 107 bytes at most.

    Args:
        aof: Whether it keeps an append-only file, every write on its disk before it is confirmed.
        options: Settings of the server.
        users: Its ACL file, without the admin.
    """
    with tempfile.TemporaryDirectory(prefix="okos-test-", dir="/tmp") as directory:
        server = RealServer(Path(directory), aof=aof, options=options, users=users)
        server.start()
        try:
            yield server
        finally:
            server.kill()

"""A real server for tests: the bundled Valkey on a unix socket in a directory of its own."""

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
from okos.server import find_binary

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

DEADLINE_S = 60.0


def eventually(condition: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds, or fail after a time that is never needed."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for never came"
        time.sleep(0.01)


class RealServer:
    """One server process with its data in `directory`; started again it goes on with what it had."""

    def __init__(self, directory: Path, *, aof: bool = False, options: Mapping[str, str] | None = None) -> None:
        self._directory = directory
        self._socket = directory / "s"
        self._options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "dir": str(directory),
            "save": "",
            "appendonly": "yes" if aof else "no",
            "appendfsync": "always" if aof else "no",
            "maxmemory-policy": "noeviction",
            "enable-debug-command": "local",
            **(options or {}),
        }
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        """Start it and wait until it answers."""
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
def a_server(*, aof: bool = False, options: Mapping[str, str] | None = None) -> Iterator[RealServer]:
    """Run a server for the length of a `with` block. Its path is short: a socket's may have 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="okos-test-", dir="/tmp") as directory:
        server = RealServer(Path(directory), aof=aof, options=options)
        server.start()
        try:
            yield server
        finally:
            server.kill()

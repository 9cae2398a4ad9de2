"""A server with a replica, behind one address: what a failover looks like to those who are connected.

The address is a symbolic link to the socket of one of the two, as a service's name is to its machine.
"""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

import redis

from chaos.patience import wait_until
from chaos.server import START_S, Outage, Server
from okos.child import reap, spawn
from okos.server import find_binary

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

#: How long the replica is still a replica at the address: writes are refused with READONLY meanwhile.
READONLY_S = 3.0


class Pair(Server):
    """Two servers; `start` starts both, the second as a replica of the first."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ports = (_free_port(), _free_port())
        self._children: list[subprocess.Popen[bytes] | None] = [None, None]
        self._primary = 0

    def start(self) -> None:
        """Start both and wait until the replica has all that the primary has."""
        for which in (0, 1):
            self._launch(which)
        self._point_to(0)
        if not wait_until(self.answers, deadline_s=START_S):
            raise RuntimeError(f"the servers do not answer; see {self._directory}")
        self._follow(1)

    def failover(self) -> None:
        """Kill the primary once the replica has everything, move the address, and promote the replica a while later."""
        old, new = self._primary, 1 - self._primary
        self._begin(old, new)
        child = self._children[old]
        assert child is not None  # noqa: S101 - it was started
        child.kill()
        reap(child)
        self._children[old] = None
        time.sleep(READONLY_S)
        self._promote(new)
        self._launch(old)
        self._follow(old)

    def swap(self) -> None:
        """Make the replica the primary and the primary a replica, which keeps its connections: a planned failover."""
        old, new = self._primary, 1 - self._primary
        self._begin(old, new)
        self._to(old).execute_command("REPLICAOF", "127.0.0.1", self._ports[new])  # type: ignore[no-untyped-call]  # redis-py's
        self._to(old).client_unpause()
        time.sleep(READONLY_S)
        self._promote(new)

    def stop(self) -> None:
        """End both."""
        self._client.close()
        for child in self._children:
            if child is not None:
                child.send_signal(signal.SIGKILL)
                reap(child)
        self._children = [None, None]

    def _begin(self, old: int, new: int) -> None:
        """Stop writes until the replica has what the primary has, then move the address."""
        self.outages.append(Outage("failed over", time.monotonic_ns(), 0))
        self._to(old).client_pause(60_000, all=False)

        def has_all() -> bool:
            offsets = {self._to(which).info("replication")["master_repl_offset"] for which in (old, new)}
            return len(offsets) == 1

        if not wait_until(has_all, deadline_s=START_S):
            raise RuntimeError("the replica does not catch up")
        self._point_to(new)

    def _promote(self, which: int) -> None:
        self._to(which).execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]  # redis-py's
        self._primary = which
        self._child = self._children[which]
        self._back()

    def _follow(self, which: int) -> None:
        primary = self._ports[self._primary]
        self._to(which).execute_command("REPLICAOF", "127.0.0.1", primary)  # type: ignore[no-untyped-call]  # redis-py's
        if not wait_until(
            lambda: self._to(which).info("replication")["master_link_status"] == "up", deadline_s=START_S
        ):
            raise RuntimeError("the replica does not follow")

    def _launch(self, which: int) -> None:
        name = "ab"[which]
        home = self._directory / name
        home.mkdir(exist_ok=True)
        options = {
            "port": str(self._ports[which]),
            "bind": "127.0.0.1",
            "unixsocket": str(self._directory / f"{name}.s"),
            "dir": str(home),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "repl-diskless-sync-delay": "0",
            "maxmemory-policy": "noeviction",
        }
        command = [str(find_binary())]
        for option, value in options.items():
            command += [f"--{option}", value]
        with (home / "server.log").open("ab") as output:
            self._children[which] = spawn(command, output=output)
        if which == self._primary:
            self._child = self._children[which]

        def answers() -> bool:
            try:
                return bool(self._to(which).ping())
            except (redis.RedisError, OSError):
                return False

        if not wait_until(answers, deadline_s=START_S):
            raise RuntimeError(f"the server does not answer; see {home}")

    def _to(self, which: int) -> redis.Redis:
        return redis.Redis.from_url(f"unix://{self._directory / 'ab'[which]}.s", socket_timeout=10)

    def _point_to(self, which: int) -> None:
        link = self._directory / "s.new"
        link.symlink_to(f"{'ab'[which]}.s")
        link.replace(self._directory / "s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

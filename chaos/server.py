"""The server of a storm: killed, frozen, filled and disconnected, and what it was spared is on its disk."""

import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from chaos.patience import wait_until
from okos.child import reap, spawn
from okos.server import find_binary

START_S = 30.0
#: Above what it uses when `fill` is called: so little that publishing soon meets it.
ROOM_BYTES = 32 * 1024
#: What may stay for ever: counters and the policy by name.
LASTING = ("engine", "counts", "procs")


@dataclass(slots=True)
class Outage:
    """When the server could not be reached; `until_ns` is when it answered again."""

    kind: str
    from_ns: int
    until_ns: int


class Server:
    """A Valkey of its own on a Unix socket, every write on its disk before it is confirmed.

    Args:
        directory: Where its files are; short, for the path of a socket may have 107 bytes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.socket = directory / "s"
        self._child: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self.socket}"
        self.outages: list[Outage] = []
        self._client = redis.Redis.from_url(self.url, socket_timeout=30)

    # -- its process -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, or start it again with what it had; returns when it answers.

        Raises:
            RuntimeError: It does not; the message holds its log.
        """
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self._directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
        }
        command = [str(find_binary())]
        for name, value in options.items():
            command += [f"--{name}", value]
        log = self._directory / "server.log"
        with log.open("ab") as output:
            self._child = spawn(command, output=output)
        if not wait_until(self.answers, deadline_s=START_S):
            raise RuntimeError(f"the server does not answer:\n{log.read_text(errors='replace')[-2000:]}")
        self._back()

    def kill(self) -> None:
        """End it as a crash would."""
        child = self._running()
        self.outages.append(Outage("killed", time.monotonic_ns(), 0))
        child.kill()
        reap(child)
        self._child = None

    def freeze(self) -> None:
        """Stop it where it is: connections stay open and nothing answers."""
        self.outages.append(Outage("frozen", time.monotonic_ns(), 0))
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)
        self._back()

    def stop(self) -> None:
        """End it for good."""
        self._client.close()
        if self._child is not None:
            reap(self._child)
            self._child = None

    @property
    def pid(self) -> int:
        """Its OS process."""
        return self._running().pid

    def answers(self) -> bool:
        """Whether it answers a ping and has loaded what it had."""
        with suppress(redis.RedisError, OSError):
            return bool(self._client.ping())
        return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError("the server does not run")
        return self._child

    def _back(self) -> None:
        if self.outages and not self.outages[-1].until_ns:
            self.outages[-1].until_ns = time.monotonic_ns()

    # -- what an operator may do to it -------------------------------------------------------------------------------

    def fill(self) -> None:
        """Leave it next to no memory."""
        self.configure("maxmemory", self.info("memory")["used_memory"] + ROOM_BYTES)

    def configure(self, name: str, value: float | str) -> None:
        """Change a setting while it runs."""
        self._client.config_set(name, value)

    def disconnect_all(self) -> None:
        """Break every connection but the one that asks."""
        for kind in ("normal", "pubsub"):
            self._client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")  # type: ignore[no-untyped-call]  # redis-py's

    def forget_scripts(self) -> None:
        """Empty its cache of scripts."""
        self._client.script_flush()

    # -- looking -----------------------------------------------------------------------------------------------------

    def info(self, section: str) -> dict[str, Any]:  # Any: what redis-py makes of each line
        """Ask what it says of itself."""
        return self._client.info(section)

    def lasting_keys(self) -> list[str]:
        """Name the keys that nothing will expire, except the engine's own few."""
        names = [key.decode(errors="replace") for key in self._client.scan_iter(count=1000)]
        found = [name for name in names if self._client.ttl(name) == -1]
        return sorted(name for name in found if name.partition(":")[2] not in LASTING)

    def note_calls(self, *, slower_than_us: int, most: int) -> None:
        """Let it note the calls that take longer, the last `most` of them; -1: none any more."""
        self.configure("slowlog-max-len", most)
        self.configure("slowlog-log-slower-than", slower_than_us)

    def noted_calls(self) -> list[tuple[int, str]]:
        """Return what it noted: microseconds, and the start of the call; and let it forget that."""
        noted = self._client.slowlog_get(-1)
        self._client.slowlog_reset()
        return [(entry["duration"], entry["command"][:60].decode(errors="replace")) for entry in noted]

    def count_noted(self) -> int:
        """Count what it has noted."""
        return self._client.slowlog_len()

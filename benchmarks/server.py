"""A private Valkey for one measurement, and its counters before and after.

Every measurement gets a fresh one, so that nothing that an earlier contestant left is in the figures.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from okos.server import find_binary, start_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the server has done since it started."""

    cpu_us: float
    commands: int
    """Those that clients sent and those that scripts ran."""
    reads: int
    """Reads from client sockets that brought something: about one a round trip."""

    def since(self, before: "Counters") -> "Counters":
        """Return what was done after `before`."""
        return Counters(
            cpu_us=self.cpu_us - before.cpu_us,
            commands=self.commands - before.commands,
            reads=self.reads - before.reads,
        )


class Server:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = redis.Redis.from_url(url)

    def counters(self) -> Counters:
        """Read the counters; the reading itself is one command and one read."""
        info = self._client.info("everything")
        return Counters(
            cpu_us=(info["used_cpu_user"] + info["used_cpu_sys"]) * 1e6,
            commands=info["total_commands_processed"],
            reads=info["total_reads_processed"],
        )

    def used_bytes(self) -> int:
        """Return the memory that the server holds."""
        return int(self._client.info("memory")["used_memory"])

    def lasting_keys(self) -> list[str]:
        """Return the names of the keys that nothing will expire."""
        names = list(self._client.scan_iter(count=1000))
        lasting: list[str] = []
        for start in range(0, len(names), 1000):
            some = names[start : start + 1000]
            pipeline = self._client.pipeline(transaction=False)
            for name in some:
                pipeline.ttl(name)
            lasting += [
                name.decode(errors="replace") for name, ttl in zip(some, pipeline.execute(), strict=True) if ttl == -1
            ]
        return sorted(lasting)

    def bytes_of(self, names: Iterable[str]) -> int:
        """Return the memory that these keys take, 0 for one that is not there."""
        return sum(self._client.memory_usage(name, samples=0) or 0 for name in names)

    def version(self) -> str:
        """Return the server's name and version."""
        info = self._client.info("server")
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', info['redis_version'])}"

    def close(self) -> None:
        """Close the harness's own connection."""
        self._client.close()


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server for the block as `okos up` does: append-only file every second, Unix socket."""
    with tempfile.TemporaryDirectory(prefix="okos-bench-") as home:
        embedded = start_server(Path(home), find_binary())
        server = Server(embedded.url)
        try:
            yield server
        finally:
            server.close()
            embedded.stop()

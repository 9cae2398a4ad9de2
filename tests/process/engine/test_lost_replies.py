"""A reply that is lost on its way: what was asked has happened, is asked again, and counts once."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import dramatiq
import pytest
from real_server import eventually

from okos.mailbox import MailboxBroker, current_run
from okos.mailbox.script import compose
from okos.middleware import Retry, UserMutex

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_MS = 30_000
CHUNK_BYTES = 256 * 1024


class Way:
    """The way to a server, by TCP: it can lose a reply, and the connection with it, once the server has done its part.

    Args:
        server: The server's address, of a Unix socket.
    """

    def __init__(self, server: str) -> None:
        self._server = server.removeprefix("unix://")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wanted: tuple[list[bytes], bytes] | None = None
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self.lost: list[bytes] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_reply(self, *scripts: str, about: str) -> None:
        """Lose the next reply to a call of one of these scripts, if the call or the reply names this message."""
        self._wanted = [compose(name).digest for name in scripts], about.encode()

    def close(self) -> None:
        """Take the way away."""
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                inside, _ = self._listener.accept()
                outside = socket.socket(socket.AF_UNIX)
                outside.connect(self._server)
                self._ends += [inside, outside]
                asked = bytearray()
                for source, sink in ((inside, outside), (outside, inside)):
                    threading.Thread(target=self._pass_on, args=(source, sink, asked, inside), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, asked: bytearray, inside: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(CHUNK_BYTES):
                if source is inside:
                    asked += received
                elif self._loses(bytes(asked), received):
                    break
                else:
                    asked.clear()
                sink.sendall(received)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _loses(self, asked: bytes, reply: bytes) -> bool:
        with self._lock:
            if self._wanted is None or reply.startswith(b"-"):
                return False
            digests, about = self._wanted
            if not any(digest in asked for digest in digests) or about not in asked + reply:
                return False
            self._wanted = None
            self.lost.append(reply)
            return True


@pytest.fixture
def way(url: str) -> Iterator[Way]:
    way = Way(url)
    yield way
    way.close()


@pytest.fixture
def broker(way: Way, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(
        way.url, namespace=namespace, lease_ms=LEASE_MS, middleware=[UserMutex(), Retry(max_retries=3)]
    )
    yield broker
    broker.flush_all()
    broker.close()


@pytest.mark.parametrize(
    ("scripts", "number"),
    [
        pytest.param(("claim",), 0, id="of a claim"),
        pytest.param(("settle", "exchange"), 0, id="of a settle"),
        pytest.param(("exchange",), 1, id="of a settle and the claim that came with it"),
    ],
)
def test_a_lost_reply_starts_nothing_twice_and_ends_everything_once(
    way: Way, broker: MailboxBroker, caplog: pytest.LogCaptureFixture, scripts: tuple[str, ...], number: int
) -> None:
    started: list[tuple[str, int]] = []

    @dramatiq.actor(broker=broker)
    def work(name: str) -> None:
        run = current_run()
        assert run is not None
        started.append((name, run.attempt))
        run.append("acks", name.encode(), keep=10, ttl_ms=60_000)

    messages = [work.message_with_options(args=(name,), mailbox="user:7") for name in "abc"]
    way.lose_reply(*scripts, about=messages[number].message_id)
    for message in messages:
        broker.enqueue(message)

    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    try:
        eventually(lambda: broker.stats().done == len(messages))
    finally:
        worker.stop()

    assert len(way.lost) == 1
    assert started == [("a", 1), ("b", 1), ("c", 1)]
    assert broker.read_list("acks") == [b"a", b"b", b"c"]
    stats = broker.stats()
    assert (stats.accepted, stats.done, stats.stalled, stats.dead, stats.running) == (3, 3, 0, 0, 0)
    assert "settled too late" not in caplog.text

"""The data centre as a whole: starting, stopping, restarting, keeping its state in a file, running beside a test."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from . import storage
from .connection import Connection
from .core import on_loop
from .key import PUBLIC_KEY_PATH
from .people import People
from .record import violations
from .troubles import Troubles
from .world import Message

_SAVE_AFTER_S = 0.1
_DEADLINE_S = 60.0
_LOOK_AGAIN_S = 0.05
_PAUSE_S = 0.001  # between two looks, however much happens

R = TypeVar("R")


class DataCentre(People, Troubles):
    """A Telegram data centre on loopback. See the package's docstring."""

    public_key_path = PUBLIC_KEY_PATH

    def __init__(self, *, state_path: Path | None = None, **about: Any) -> None:
        super().__init__(**about)
        self._state_path = state_path
        self._server: asyncio.Server | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._reserved: socket.socket | None = None  # keeps the port ours while nobody listens
        if state_path is not None and state_path.exists():
            self.world, self.record = storage.load(state_path)

    @property
    def address(self) -> str:
        """Return host:port."""
        return f"{self.host}:{self.port}"

    async def start(self, port: int = 0) -> "DataCentre":
        """Listen; 0 takes a free port the first time and the same one after `stop()`."""
        self.loop = asyncio.get_running_loop()
        if self._reserved is None:
            self._reserved = socket.socket()
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.bind((self.host, port or self.port))
            self.port = self._reserved.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        if self._state_path is not None:
            self.watchers.append(self._save_soon)
        return self

    async def stop(self) -> None:
        """Listen no more, cut every connection, write the state. It can be started again with all it had.

        Raises:
            Exception: a call met a fault of the data centre itself: the test that ran says nothing about the client.
        """
        if self._server is not None:
            self._server.close()
        self.cut_connections()
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._server is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 5)
        if self._saving is not None:
            self._saving.cancel()
        if self._state_path is not None:
            self.watchers.remove(self._save_soon)
            self._save()
        self._server = None
        if self.broken:
            raise self.broken.pop()

    def restart(self, *, away_s: float = 0) -> None:
        """Stop listening and cut all, stay away, come back on the same port. From another thread than the loop's."""
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(self.come_back(away_s=away_s), self.loop).result(_DEADLINE_S)

    async def come_back(self, *, away_s: float = 0) -> None:
        """Do what `restart` says, on the loop."""
        await self.stop()
        await asyncio.sleep(away_s)
        await self.start()

    async def until(self, condition: Callable[[], object], timeout_s: float = _DEADLINE_S) -> None:
        """Wait, on the loop, until the condition holds.

        Raises:
            TimeoutError: it never did.
        """
        changed = asyncio.Event()
        self.watchers.append(changed.set)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    changed.clear()
                    with contextlib.suppress(TimeoutError):  # a condition may hang on what is not the data centre's
                        await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_S)
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self.watchers.remove(changed.set)

    @on_loop
    def do(self, work: Callable[[], R]) -> R:
        """Do several things in one step of the loop: `dc.do(lambda: [dc.says(user, "hello") for user in users])`."""
        return work()

    def violations(self, *, chats: list[Any] | None = None, **how: Any) -> list[str]:
        """Judge all chats, or these, by `record.violations`; each sentence names its chat. Empty: all is well."""
        peers = [chat.peer for chat in chats] if chats is not None else list(self.world.talks)
        return [f"{peer.kind} {peer.id}: {found}" for peer in peers for found in violations(self._seen(peer), **how)]

    @on_loop
    def _seen(self, peer: Any) -> list[Message]:
        return self.world.visible(peer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.serve()
        finally:
            connection.close()
            self.connections.discard(connection)
            self.changed()

    def _save_soon(self) -> None:
        if self._saving is None and self.loop is not None:
            self._saving = self.loop.call_later(_SAVE_AFTER_S, self._save)

    def _save(self) -> None:
        self._saving = None
        assert self._state_path is not None
        storage.save(self._state_path, self.world, self.record)


@contextlib.contextmanager
def running(*, port: int = 0, **about: Any) -> Iterator[DataCentre]:
    """Run a data centre in a thread of its own, for tests that have no loop. Its methods may be called from any."""
    started = threading.Event()
    held: list[DataCentre] = []
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        dc = DataCentre(**about)
        await dc.start(port)
        stopped = asyncio.Event()
        held.append(dc)
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        started.set()
        await stopped.wait()
        await dc.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="data centre", daemon=True)
    thread.start()
    assert started.wait(_DEADLINE_S)
    try:
        yield held[0]
    finally:
        stop[0]()
        thread.join(_DEADLINE_S)


def wait_until(condition: Callable[[], object], timeout_s: float = _DEADLINE_S) -> None:
    """Wait in a thread without a loop until the condition holds, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for never came"
        time.sleep(0.01)

"""The wires between the workers and the server: one each, which can be cut without either end noticing.

A cut wire is what a network does when it drops everything: connections stay open, nothing arrives. When it is mended,
either what was on its way arrives after all (much too late), or the connections are found to be broken.
"""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK_BYTES = 256 * 1024
#: An end that takes nothing for so long is given up.
STUCK_S = 30.0


@dataclass(slots=True, eq=False)
class Wire:
    """A socket for one worker; `pairs` are the connections that go through it: the worker's end, the server's end."""

    path: Path
    listener: socket.socket
    is_cut: bool = False
    pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)


class Wires:
    """Serves the wires from one thread of its own.

    Args:
        directory: Where their sockets are.
        server: The server's socket.
        count: How many.
    """

    def __init__(self, directory: Path, server: Path, count: int) -> None:
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._orders: list[Callable[[], None]] = []
        self._closed = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._wires = [self._lay(directory / f"w{number}") for number in range(count)]
        self._thread = threading.Thread(target=self._serve, name="wires", daemon=True)
        self._thread.start()

    def url(self, number: int) -> str:
        """Return the address of the server by this wire."""
        return f"unix://{self._wires[number].path}"

    def cut(self, number: int) -> None:
        """Let nothing through any more."""
        self._order(lambda: self._cut(self._wires[number]))

    def mend(self, number: int, *, loses: bool) -> None:
        """Let everything through again; what is on its way is lost with its connections, or arrives now."""
        self._order(lambda: self._mend(self._wires[number], loses=loses))

    def close(self) -> None:
        """Take all of them away."""
        self._closed = True
        self._wake_in.send(b"x")
        self._thread.join()
        for wire in self._wires:
            self._drop_all(wire)
            wire.listener.close()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # -- on its own thread -------------------------------------------------------------------------------------------

    def _lay(self, path: Path) -> Wire:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        wire = Wire(path, listener)
        self._selector.register(listener, selectors.EVENT_READ, wire)
        return wire

    def _order(self, action: Callable[[], None]) -> None:
        self._orders.append(action)
        self._wake_in.send(b"x")

    def _serve(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._wake_out.recv(1024)
                elif isinstance(key.data, Wire):
                    self._connect(key.data)
                else:
                    wire, source, sink = key.data
                    if not wire.is_cut:  # it may have been cut by an order a moment ago
                        self._pass_on(wire, source, sink)
            while self._orders:
                self._orders.pop(0)()

    def _connect(self, wire: Wire) -> None:
        inside, _ = wire.listener.accept()
        outside = socket.socket(socket.AF_UNIX)
        outside.settimeout(STUCK_S)
        inside.settimeout(STUCK_S)
        try:
            outside.connect(str(self._server))
        except OSError:
            inside.close()
            outside.close()
            return
        wire.pairs.append((inside, outside))
        if not wire.is_cut:
            self._watch(wire, inside, outside)

    def _watch(self, wire: Wire, inside: socket.socket, outside: socket.socket) -> None:
        self._selector.register(inside, selectors.EVENT_READ, (wire, inside, outside))
        self._selector.register(outside, selectors.EVENT_READ, (wire, outside, inside))

    def _pass_on(self, wire: Wire, source: socket.socket, sink: socket.socket) -> None:
        try:
            if source.fileno() < 0:
                return  # dropped with its other end
            received = source.recv(CHUNK_BYTES)
            if received:
                sink.sendall(received)
                return
        except OSError:
            pass
        self._drop(wire, source)

    def _drop(self, wire: Wire, end: socket.socket) -> None:
        for pair in wire.pairs:
            if end in pair:
                wire.pairs.remove(pair)
                for one in pair:
                    with suppress(KeyError, ValueError):
                        self._selector.unregister(one)
                    one.close()
                return

    def _drop_all(self, wire: Wire) -> None:
        for inside, _ in list(wire.pairs):
            self._drop(wire, inside)

    def _cut(self, wire: Wire) -> None:
        wire.is_cut = True
        for pair in wire.pairs:
            for end in pair:
                self._selector.unregister(end)

    def _mend(self, wire: Wire, *, loses: bool) -> None:
        wire.is_cut = False
        if loses:
            self._drop_all(wire)
        for inside, outside in wire.pairs:
            self._watch(wire, inside, outside)

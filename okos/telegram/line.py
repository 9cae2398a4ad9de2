"""The line to a data centre: where it leads, how often it is tried, and what it said when it broke.

Both libraries connect again by themselves, at once and for ever: a data centre that answers each first call with an
error would be called hundreds of times a second. So their connections are made to ask the `Line` of the client that
they belong to, which they find in the context of their task: it waits, longer each time until one has lasted.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import structlog
from pyrogram.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = structlog.get_logger()

#: A connection that lasted this long was a good one.
LASTED_MS = 10_000
#: Signing in takes two connections in a row; from the third short one on there is something wrong.
_FREE = 2
_FIRST_WAIT_MS = 500
_LONGEST_WAIT_MS = 30_000
#: The key of the session is unknown there.
KEY_FORGOTTEN = 404
_TRANSPORT_ERROR_BYTES = 4

_current: ContextVar[Line | None] = ContextVar("okos_telegram_line", default=None)


def wait_ms(short_ones: int) -> int:
    """How long to wait before connecting, after so many connections in a row that did not last."""
    if short_ones < _FREE:
        return 0
    return min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS << min(short_ones - _FREE, 10))


class Line:
    """The line of one client.

    Args:
        address: Where every data centre is, for a test data centre; None: where Telegram's are.
        now_ms: A clock that never goes back.

    Attributes:
        trouble: Why the last attempt to connect failed; None after one that did not.
        forgotten: Is set when the data centre says that it does not know the key of our session.
    """

    def __init__(self, address: tuple[str, int] | None, *, now_ms: Callable[[], int]) -> None:
        self.address = address
        self.trouble: str | None = None
        self.forgotten = asyncio.Event()
        self.now_ms = now_ms
        self._tried_ms: int | None = None
        self._short_ones = 0

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let the connections that are made within, and by the tasks started within, be of this line."""
        _install()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    async def wait_turn(self) -> None:
        """Wait before connecting, the longer the more connections in a row did not last."""
        now_ms = self.now_ms()
        if self._tried_ms is not None:
            self._short_ones = self._short_ones + 1 if now_ms - self._tried_ms < LASTED_MS else 0
        pause_ms = wait_ms(self._short_ones)
        if pause_ms:
            await asyncio.sleep(pause_ms / 1000)
        self._tried_ms = self.now_ms()

    def hear_error(self, code: int) -> None:
        """Note what a data centre said in the place of a packet."""
        self.trouble = f"the data centre refuses the connection: {code}"
        _log.warning("telegram refuses the connection", code=code)
        if code == KEY_FORGOTTEN:
            self.forgotten.set()


# Any, below: the libraries' connections.


def _install() -> None:
    """Make the library's connections ask for their line; once for the process, for the library has one class."""
    if getattr(Connection, "okos", False):
        return
    Connection.okos = True
    # Their own repetition is replaced by ours.
    Connection.MAX_CONNECTION_ATTEMPTS = 1
    connect, recv = Connection.connect, Connection.recv

    async def connect_by_line(self: Any) -> None:
        line = _current.get()
        if line is None:
            await connect(self)
            return
        _aim(self, line.address)
        await line.wait_turn()
        try:
            await connect(self)
        except OSError:
            where = "Telegram" if line.address is None else "{}:{}".format(*line.address)
            line.trouble = f"no connection to {where}"
            raise
        line.trouble = None

    async def recv_by_line(self: Any) -> Any:
        packet = await recv(self)
        line = _current.get()
        if line is not None and not self.media and packet is not None and len(packet) == _TRANSPORT_ERROR_BYTES:
            line.hear_error(-int.from_bytes(packet, "little", signed=True))
        return packet

    Connection.connect = connect_by_line
    Connection.recv = recv_by_line


def _aim(connection: Any, address: tuple[str, int] | None) -> None:
    """Lead a connection to the address, in the way of either library."""
    if address is None:
        return
    host, port = address
    connection.ipv6 = ":" in host
    if hasattr(connection, "server_address"):
        connection.server_address, connection.port = host, port
    else:
        connection.address = address

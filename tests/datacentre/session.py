"""One client's session: sealing and opening its packets, and the updates that it has not acknowledged yet."""

import hashlib
import itertools
import secrets
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pyrogram.crypto import aes
from pyrogram.crypto.mtproto import kdf
from pyrogram.raw.core import Int, Long, MsgContainer
from pyrogram.raw.core import Message as Sealed

from .tl import T, Written

if TYPE_CHECKING:
    from .connection import Connection

SALT = 0x1122_3344_5566_7788

# Pyrogram cuts the connection over a message id that is older than 300 s.
_KEEP_UPDATES_S = 240
# A container takes this many messages on the wire.
_CONTAINER_LIMIT = 100
# What a session that is away keeps; a longer absence is told as updatesTooLong.
_AWAY_LIMIT = 200

_last_message_id = 0


def message_id(*, answers: bool) -> int:
    """Return an id above all before: seconds in the upper half, the remainder by 4 says whether it answers a call."""
    global _last_message_id  # noqa: PLW0603 -- one clock for all sessions of all servers of this process
    _last_message_id = max(_last_message_id + 4, int(time.time() * 2**32) & ~3)
    return _last_message_id | (1 if answers else 3)


class BadPacket(Exception):
    """A packet that is not sealed with the key that it names."""


@dataclass(slots=True)
class Opened:
    """A packet's content."""

    salt: int
    session_id: bytes
    messages: list[Any]


def open_packet(key: bytes, packet: bytes) -> Opened:
    """Open what a client sealed.

    Raises:
        BadPacket: the message key does not fit.
    """
    message_key = packet[8:24]
    plain = aes.ige256_decrypt(packet[24:], *kdf(key, message_key, True))  # noqa: FBT003 -- the library's own
    if hashlib.sha256(key[88:120] + plain).digest()[8:24] != message_key:
        raise BadPacket
    outer = Sealed.read(BytesIO(plain[16:]))
    inner = outer.body.messages if isinstance(outer.body, MsgContainer) else [outer]
    return Opened(salt=int.from_bytes(plain[:8], "little", signed=True), session_id=plain[8:16], messages=inner)


@dataclass(slots=True, eq=False)
class Session:
    """A session of a key. It outlives connections; `main` sessions receive updates, also those that come meanwhile."""

    key_id: bytes
    key: bytes
    session_id: bytes
    connection: "Connection | None" = None
    main: bool = False
    new: bool = True  # nothing came yet but what named a wrong salt
    sequence: int = 0
    unacknowledged: dict[int, bytes] = field(default_factory=dict)  # message id -> body, of updates alone

    @property
    def live(self) -> bool:
        """Say whether a connection stands."""
        return self.connection is not None

    def begin(self, first_message_id: int) -> None:
        """Tell the client that it is known by nothing but its key."""
        self.new = False
        created = T.NewSessionCreated(first_msg_id=first_message_id, unique_id=secrets.randbits(63), server_salt=SALT)
        self._write(message_id(answers=False), created.write())

    def answer(self, body: Any, *, content: bool = True) -> None:
        """Send the answer to a call. It is lost when the connection is gone."""
        self._write(message_id(answers=True), body.write(), content=content)

    def push(self, body: Any) -> None:
        """Send an update, and keep it until it is acknowledged."""
        written = body.write()
        if not self.live and len(self.unacknowledged) >= _AWAY_LIMIT:
            self.unacknowledged.clear()
            written = T.UpdatesTooLong().write()
        number = message_id(answers=False)
        self.unacknowledged[number] = written
        self._write(number, written)

    def acknowledge(self, message_ids: list[int]) -> None:
        """Keep them no longer."""
        for number in message_ids:
            self.unacknowledged.pop(number, None)

    def resend(self) -> None:
        """Send again what was not acknowledged, with the ids that it had, in containers as Telegram does.

        Must come before anything newer: Pyrogram refuses an id that is lower than the first of a connection.
        """
        if self.connection is None or not self.unacknowledged:
            return
        oldest = (int(time.time()) - _KEEP_UPDATES_S) << 32
        if any(number < oldest for number in self.unacknowledged):
            self.unacknowledged.clear()
            self.push(T.UpdatesTooLong())
            return
        pending = iter(sorted(self.unacknowledged.items()))
        while part := list(itertools.islice(pending, _CONTAINER_LIMIT)):
            container = MsgContainer(
                [Sealed(Written(body), i, self._next(content=True), len(body)) for i, body in part]
            )
            self._write(message_id(answers=False), container.write(), content=False)

    def _write(self, number: int, body: bytes, *, content: bool = True) -> None:
        if self.connection is not None:
            self.connection.write(self._seal(number, body, content=content))

    def _next(self, *, content: bool) -> int:
        number = self.sequence * 2 + content
        self.sequence += content
        return number

    def _seal(self, number: int, body: bytes, *, content: bool) -> bytes:
        plain = Long(SALT) + self.session_id + Long(number) + Int(self._next(content=content)) + Int(len(body)) + body
        plain += secrets.token_bytes(-(len(plain) + 12) % 16 + 12)
        message_key = hashlib.sha256(self.key[96:128] + plain).digest()[8:24]
        sealed = aes.ige256_encrypt(plain, *kdf(self.key, message_key, False))  # noqa: FBT003 -- the library's own
        return bytes(self.key_id + message_key + sealed)

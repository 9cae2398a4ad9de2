"""One TCP connection: abridged framing, the handshake or a session's packets, and each call in a task of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pyrogram.raw.core import GzipPacked, Int, Long, TLObject

from . import calls
from .handshake import BadHandshake, Handshake, key_id_of
from .session import SALT, BadPacket, Session, message_id, open_packet
from .tl import F, T

if TYPE_CHECKING:
    from .server import DataCentre

_ABRIDGED = b"\xef"
_LONG_FRAME = 0x7F
_KEY_NOT_FOUND = -404
_GZIP_FROM_BYTES = 512


class Connection:
    """A connection from accept to close."""

    def __init__(self, dc: "DataCentre", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dc = dc
        self._reader, self._writer = reader, writer
        self._handshake = Handshake(dc.key)
        self._held: list[bytes] = []  # what was written while the data centre pauses
        self._deadline: asyncio.TimerHandle | None = None
        self.session: Session | None = None

    async def serve(self) -> None:
        """Read until the client or `close()` ends it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async for packet in self._packets():
                await self.dc.going_on.wait()
                try:
                    self._open(packet)
                except (BadHandshake, BadPacket, KeyError) as error:  # KeyError: a constructor of another layer
                    self.dc.record.add("unreadable", text=repr(error))
                    break
        self.close()

    def close(self) -> None:
        """Cut it. The session stays, without a connection."""
        if self.session is not None and self.session.connection is self:
            self.session.connection = None
        if self._deadline is not None:
            self._deadline.cancel()
        self._writer.close()

    def write(self, packet: bytes) -> None:
        """Frame and send a packet; a paused data centre holds it back."""
        words = len(packet) // 4
        head = bytes([words]) if words < _LONG_FRAME else bytes([_LONG_FRAME]) + words.to_bytes(3, "little")
        self._held.append(head + packet)
        self.flush()

    def flush(self) -> None:
        """Send what was held back, unless it is still to be."""
        if self.dc.going_on.is_set() and not self._writer.is_closing():
            self._writer.write(b"".join(self._held))
            self._held.clear()

    async def _packets(self) -> AsyncIterator[bytes]:
        if await self._reader.readexactly(1) != _ABRIDGED:
            return
        while True:
            words = (await self._reader.readexactly(1))[0]
            if words == _LONG_FRAME:
                words = int.from_bytes(await self._reader.readexactly(3), "little")
            yield await self._reader.readexactly(words * 4)

    def _open(self, packet: bytes) -> None:
        if packet[:8] == bytes(8):
            self._shake_hands(packet)
        else:
            self._take(packet)

    def _shake_hands(self, packet: bytes) -> None:
        answer = self._handshake.answer(TLObject.read(BytesIO(packet[20:]))).write()
        if (key := self._handshake.agreed) is not None:
            self.dc.world.keys[key_id_of(key)] = key
        self.write(bytes(8) + Long(message_id(answers=True)) + Int(len(answer)) + answer)

    def _take(self, packet: bytes) -> None:
        key_id = packet[:8]
        key = self.dc.world.keys.get(key_id)
        if key is None or self.dc.transport_error is not None:
            self.write(Int(self.dc.transport_error or _KEY_NOT_FOUND))
            self.close()
            return
        opened = open_packet(key, packet)
        session = self.dc.session_of(key_id, opened.session_id)
        if session.connection is not self:
            self.session, session.connection = session, self
            if opened.salt == SALT and not session.new:
                session.resend()
        if opened.salt == SALT and session.new:
            session.begin(opened.messages[0].msg_id)
        if opened.salt != SALT:
            first = opened.messages[0]
            session.answer(
                T.BadServerSalt(
                    bad_msg_id=first.msg_id, bad_msg_seqno=first.seq_no, error_code=48, new_server_salt=SALT
                ),
                content=False,
            )
            return
        for message in opened.messages:
            self._hear(session, message)

    def _hear(self, session: Session, message: Any) -> None:
        query = message.body
        if isinstance(query, T.MsgsAck):
            session.acknowledge(query.msg_ids)
        elif isinstance(query, F.Ping | F.PingDelayDisconnect):
            if isinstance(query, F.PingDelayDisconnect):
                self._disconnect_in(query.disconnect_delay)
            if self.dc.answers_pings:
                session.answer(T.Pong(msg_id=message.msg_id, ping_id=query.ping_id), content=False)
        elif not isinstance(query, T.HttpWait | T.MsgsStateReq):
            self.dc.spawn(self._call(session, message))

    def _disconnect_in(self, delay_s: int) -> None:
        """Cut the connection unless another ping comes before that."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(delay_s, self.close)

    async def _call(self, session: Session, message: Any) -> None:
        try:
            result = await calls.perform(self.dc, session, message.body)
            if len(result.write()) > _GZIP_FROM_BYTES:
                result = GzipPacked(result)
        except calls.BadMessage as refusal:
            refused = T.BadMsgNotification(
                bad_msg_id=message.msg_id, bad_msg_seqno=message.seq_no, error_code=refusal.code
            )
            session.answer(refused, content=False)
            return
        except calls.NoAnswer as verdict:
            if verdict.cut and session.connection is self:
                self.close()
            return
        except Exception as error:  # noqa: BLE001 -- the top of a call: the test has to hear of it, not the client
            self.dc.broken.append(error)
            return
        session.answer(T.RpcResult(req_msg_id=message.msg_id, result=result))

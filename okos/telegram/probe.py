"""Ask a data centre the two things that it tells anybody: what time it is there, and whose keys it has.

That is the first step of MTProto's handshake. A clock that is half a minute off makes every later step fail, and the
library then connects again and again without a word; so `okos doctor` looks here.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader

#: Telegram's data centre 2, where every bot begins.
TELEGRAM = ("149.154.167.51", 443)
#: What Telegram does not accept.
MOST_SECONDS_OFF = 30.0

_TIMEOUT_S = 5.0
_ABRIDGED = b"\xef"
_REQ_PQ_MULTI = 0xBE7E8EF1
_RES_PQ = 0x05162463
_LONG_PACKET = 0x7F
_WORD = 4
_NO_KEY = bytes(8)
#: After the key, the message's id and its length: the constructor and two numbers of 128 bits.
_MESSAGE_AT = 20
_PQ_AT = _MESSAGE_AT + _WORD + 16 + 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCentreSeen:
    """What a data centre says to anybody.

    Attributes:
        off_s: How far our clock is ahead of its.
        keys: The fingerprints of the keys that it has.
    """

    off_s: float
    keys: tuple[int, ...]


def look_at(address: tuple[str, int] | None) -> DataCentreSeen:
    """Ask a data centre; None: Telegram's.

    Raises:
        OSError: It does not answer, or something else does.
    """
    with socket.create_connection(address or TELEGRAM, timeout=_TIMEOUT_S) as line:
        body = _REQ_PQ_MULTI.to_bytes(_WORD, "little") + os.urandom(16)
        message_id = (int(time.time()) << 32).to_bytes(8, "little")
        packet = _NO_KEY + message_id + len(body).to_bytes(_WORD, "little") + body
        line.sendall(_ABRIDGED + bytes([len(packet) // _WORD]) + packet)
        with line.makefile("rb") as answers:
            answer = _packet(answers)
    now_s = time.time()
    if int.from_bytes(answer[_MESSAGE_AT : _MESSAGE_AT + _WORD], "little") != _RES_PQ:
        raise OSError("what answers there is no data centre")
    return DataCentreSeen(off_s=now_s - (int.from_bytes(answer[8:16], "little") >> 32), keys=_keys(answer))


def _packet(answers: BufferedReader) -> bytes:
    """Read a packet of the handshake; empty if it is none."""
    words = int.from_bytes(answers.read(1), "little")
    if words == _LONG_PACKET:
        words = int.from_bytes(answers.read(3), "little")
    start = answers.read(len(_NO_KEY))
    # What is no data centre may promise more than will ever come.
    return start + answers.read(words * _WORD - len(start)) if start == _NO_KEY else b""


def _keys(answer: bytes) -> tuple[int, ...]:
    """Read the fingerprints: behind the product of two primes, as bytes, is a vector of longs."""
    vector = _PQ_AT + (answer[_PQ_AT] // _WORD + 1) * _WORD
    longs = answer[vector + 2 * _WORD :]
    return tuple(int.from_bytes(longs[at : at + 8], "little", signed=True) for at in range(0, len(longs) - 7, 8))

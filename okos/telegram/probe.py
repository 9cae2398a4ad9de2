"""Ask a data centre the one thing that it tells anybody: that it is there, and what time it is there.

That is the first step of MTProto's handshake. A clock that is half a minute off makes every later step fail, and the
library then connects again and again without a word; so `okos doctor` looks here.
"""

from __future__ import annotations

import os
import socket
import time

#: Telegram's data centre 2, where every bot begins.
TELEGRAM = ("149.154.167.51", 443)
#: What Telegram does not accept.
MOST_SECONDS_OFF = 30.0

_TIMEOUT_S = 5.0
_ABRIDGED = b"\xef"
_REQ_PQ_MULTI = 0xBE7E8EF1
_LONG_PACKET = 0x7F


def seconds_off(address: tuple[str, int] | None) -> float:
    """Tell how far our clock is ahead of a data centre's.

    Raises:
        OSError: It does not answer, or something else does.
    """
    with socket.create_connection(address or TELEGRAM, timeout=_TIMEOUT_S) as line:
        body = _REQ_PQ_MULTI.to_bytes(4, "little") + os.urandom(16)
        message_id = (int(time.time()) << 32).to_bytes(8, "little")
        packet = bytes(8) + message_id + len(body).to_bytes(4, "little") + body
        line.sendall(_ABRIDGED + bytes([len(packet) // 4]) + packet)
        with line.makefile("rb") as answers:
            head = answers.read(1)
            if head and head[0] == _LONG_PACKET:
                answers.read(3)
            answer = answers.read(16)
    now_s = time.time()
    if len(answer) < len(bytes(16)) or answer[:8] != bytes(8):
        raise OSError("what answers there is no data centre")
    return now_s - (int.from_bytes(answer[8:], "little") >> 32)

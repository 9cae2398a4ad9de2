"""Pointing the library's own clients at a data centre, for tests that use Pyrogram without Okos."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pyrogram
from pyrogram.connection import connection
from pyrogram.crypto import rsa

from .key import load_public_key
from .server import DataCentre


@contextlib.contextmanager
def pointed_at(dc: DataCentre) -> Iterator[None]:
    """Let every client of this process dial the data centre, whichever it means to, and trust its key alone."""
    n, e = load_public_key(dc.public_key_path)
    keys = dict(rsa.server_public_keys)
    connect = connection.Connection.connect

    async def connect_here(self: Any) -> None:
        if hasattr(self, "address"):
            self.address = (dc.host, dc.port)
        else:  # kurigram
            self.server_address, self.port, self.ipv6 = dc.host, dc.port, False
        await connect(self)

    rsa.server_public_keys.clear()
    rsa.server_public_keys[dc.key.fingerprint] = rsa.PublicKey(n, e)
    connection.Connection.connect = connect_here
    try:
        yield
    finally:
        connection.Connection.connect = connect
        rsa.server_public_keys.clear()
        rsa.server_public_keys.update(keys)


def a_client(dc: DataCentre, **about: Any) -> Any:
    """Return a client of the bot, not started; without a file unless `name` and `workdir` say where."""
    about = {"name": "bot", "in_memory": True, **about}
    return pyrogram.Client(api_id=1, api_hash="hash", bot_token=dc.bot_token, **about)

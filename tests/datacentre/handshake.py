"""Agreeing on an authorization key: the server's half of https://core.telegram.org/mtproto/auth_key.

Plain messages in, plain messages out, no I/O. One object a connection; the key is handed out when the third answer is.
"""

import hashlib
import secrets
import time
from io import BytesIO
from typing import Any

from pyrogram.crypto import aes, prime
from pyrogram.raw.core import TLObject

from .key import RsaKey
from .tl import F, T

# Two primes that a client factorises at once. The product is what Telegram's own example has.
_PQ = 0x494C553B * 0x53911073
_G = 3


class BadHandshake(Exception):
    """The client did something that the exchange has no place for."""


class Handshake:
    """The exchange on one connection."""

    def __init__(self, key: RsaKey) -> None:
        self._rsa = key
        self._nonce = self._server_nonce = self._a = 0
        self._new_nonce = b""
        self.agreed: bytes | None = None

    def answer(self, query: Any) -> Any:
        """Return the answer to a plain query. `agreed` has the key when the exchange is over.

        Raises:
            BadHandshake: on anything else.
        """
        if isinstance(query, F.ReqPqMulti | F.ReqPq):
            return self._begin(query)
        if isinstance(query, F.ReqDHParams):
            return self._offer(query)
        if isinstance(query, F.SetClientDHParams):
            return self._finish(query)
        raise BadHandshake(f"{query.QUALNAME} is no part of the exchange")

    def _begin(self, query: Any) -> Any:
        self._nonce, self._server_nonce = query.nonce, int.from_bytes(secrets.token_bytes(16), "little", signed=True)
        return T.ResPQ(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            pq=_PQ.to_bytes(8, "big"),
            server_public_key_fingerprints=[self._rsa.fingerprint],
        )

    def _offer(self, query: Any) -> Any:
        inner = TLObject.read(BytesIO(self._rsa.decrypt(query.encrypted_data)[20:]))
        self._new_nonce = inner.new_nonce.to_bytes(32, "little", signed=True)
        self._a = int.from_bytes(secrets.token_bytes(256), "big")
        offer = T.ServerDHInnerData(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            g=_G,
            # the library checks that it is this very prime
            dh_prime=prime.CURRENT_DH_PRIME.to_bytes(256, "big"),
            g_a=self._power(_G).to_bytes(256, "big"),
            server_time=int(time.time()),
        ).write()
        hashed = _sha1(offer) + offer
        hashed += secrets.token_bytes(-len(hashed) % 16)
        sealed = aes.ige256_encrypt(hashed, *self._temporary_key())
        return T.ServerDHParamsOk(nonce=self._nonce, server_nonce=self._server_nonce, encrypted_answer=sealed)

    def _finish(self, query: Any) -> Any:
        inner = TLObject.read(BytesIO(aes.ige256_decrypt(query.encrypted_data, *self._temporary_key())[20:]))
        self.agreed = self._power(int.from_bytes(inner.g_b, "big")).to_bytes(256, "big")
        proof = _sha1(self._new_nonce + b"\1" + _sha1(self.agreed)[:8])[4:]
        return T.DhGenOk(
            nonce=self._nonce,
            server_nonce=self._server_nonce,
            new_nonce_hash1=int.from_bytes(proof, "little", signed=True),
        )

    def _power(self, base: int) -> int:
        return int(pow(base, self._a, prime.CURRENT_DH_PRIME))

    def _temporary_key(self) -> tuple[bytes, bytes]:
        """Return AES key and IV that both sides derive from the nonces."""
        new, server = self._new_nonce, self._server_nonce.to_bytes(16, "little", signed=True)
        return (
            _sha1(new + server) + _sha1(server + new)[:12],
            _sha1(server + new)[12:] + _sha1(new + new) + new[:4],
        )


def key_id_of(key: bytes) -> bytes:
    """Return the lower 64 bits of the SHA-1 of an authorization key: how every sealed packet names it."""
    return _sha1(key)[-8:]


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content).digest()  # noqa: S324 -- MTProto's

"""The public key of a data centre, read from a PEM file as `openssl rsa -RSAPublicKey_out` writes it (PKCS#1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okos.errors import OkosError

if TYPE_CHECKING:
    from pathlib import Path

_BEGIN, _END = "-----BEGIN RSA PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----"
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG = 0x80
_SHORT_BYTES = 254


class BadKey(OkosError):
    """The file holds no RSA public key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA key: modulus and exponent."""

    n: int
    e: int

    @property
    def fingerprint(self) -> int:
        """The number by which a data centre names this key: the last 64 bits of the SHA-1 of both numbers."""
        body = b"".join(_tl_bytes(_big_endian(number)) for number in (self.n, self.e))
        return int.from_bytes(hashlib.sha1(body).digest()[-8:], "little", signed=True)  # noqa: S324 - MTProto's own


def read_key(path: Path) -> PublicKey:
    """Read the key.

    Raises:
        BadKey: There is no such file, or it holds something else.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadKey(f"the data centre's key {path} cannot be read: {error}") from error
    try:
        sequence, _ = _element(_der(text), _SEQUENCE)
        modulus, rest_bytes = _element(sequence, _INTEGER)
        exponent, _ = _element(rest_bytes, _INTEGER)
    except (ValueError, IndexError, binascii.Error) as error:
        raise BadKey(f"the data centre's key {path} cannot be used: {error}; it should be PEM, PKCS#1") from error
    return PublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))


def _der(text: str) -> bytes:
    _, begin, rest = text.partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    if not begin or not end:
        raise ValueError("it is no PEM of an RSA PUBLIC KEY")
    return base64.b64decode("".join(body.split()), validate=True)


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Read one element of DER; gives its content and what follows it."""
    if der[0] != tag:
        raise ValueError(f"it is no RSA key: tag {der[0]} in the place of {tag}")
    size, start = der[1], 2
    if size & _LONG:
        count = size & ~_LONG
        size, start = int.from_bytes(der[2 : 2 + count], "big"), 2 + count
    if len(der) < start + size:
        raise ValueError("it is cut off")
    return der[start : start + size], der[start + size :]


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _tl_bytes(value: bytes) -> bytes:
    """Write bytes as MTProto does: the length first, padded to four bytes."""
    head = bytes([len(value)]) if len(value) < _SHORT_BYTES else b"\xfe" + len(value).to_bytes(3, "little")
    return head + value + bytes(-len(head + value) % 4)

"""The RSA key by which a client knows the data centre, read from the PEM files beside this module.

The key is fixed, so that a client is configured once. It is for tests alone: anybody can read its private half here.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

PUBLIC_KEY_PATH = Path(__file__).with_name("public_key.pem")
_PRIVATE_KEY_PATH = Path(__file__).with_name("key_for_tests_only.pem")

_SEQUENCE, _INTEGER = 0x30, 0x02
_MODULUS_BYTES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaKey:
    """Modulus, public exponent, private exponent."""

    n: int
    e: int
    d: int

    @property
    def fingerprint(self) -> int:
        """Return the lower 64 bits of the SHA-1 of (n, e), signed: how a client names a server's key."""
        written = _tl_bytes(self.n.to_bytes(_MODULUS_BYTES, "big")) + _tl_bytes(self.e.to_bytes(3, "big"))
        return int.from_bytes(hashlib.sha1(written).digest()[-8:], "little", signed=True)  # noqa: S324 -- MTProto's

    def decrypt(self, sealed: bytes) -> bytes:
        """Return the 255 bytes that a client sealed with the public half."""
        return pow(int.from_bytes(sealed, "big"), self.d, self.n).to_bytes(_MODULUS_BYTES - 1, "big")


def load_key() -> RsaKey:
    """Read the private key that is checked in."""
    _, n, e, d, *_ = _integers(_unarmoured(_PRIVATE_KEY_PATH.read_text()))
    return RsaKey(n=n, e=e, d=d)


def load_public_key(path: Path) -> tuple[int, int]:
    """Read (n, e) from a PKCS#1 file, as a client is configured with."""
    n, e = _integers(_unarmoured(path.read_text()))
    return n, e


def _unarmoured(pem: str) -> bytes:
    _, _, after = pem.partition("-----BEGIN")
    _, _, body = after.partition("-----\n")
    return base64.b64decode(body.partition("-----END")[0])


def _integers(der: bytes) -> list[int]:
    """Return the integers of a DER sequence of nothing but integers, which both PKCS#1 forms are."""
    tag, body, _ = _der_value(der)
    assert tag == _SEQUENCE
    found = []
    while body:
        tag, value, body = _der_value(body)
        assert tag == _INTEGER
        found.append(int.from_bytes(value, "big"))
    return found


def _der_value(der: bytes) -> tuple[int, bytes, bytes]:
    """Split into the first value's tag, its content, and the rest."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return tag, der[start : start + length], der[start + length :]


def _tl_bytes(value: bytes) -> bytes:
    """Write bytes as TL does: length, content, zeros up to a multiple of four."""
    head = bytes([len(value)]) if len(value) < 254 else b"\xfe" + len(value).to_bytes(3, "little")
    return head + value + bytes(-(len(head) + len(value)) % 4)

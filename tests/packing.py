"""MessagePack, as much of it as a record has: so that a test can write what no script of ours would."""

from __future__ import annotations

import struct


def packed(value: object) -> bytes:  # noqa: PLR0911 - a kind, a line
    """Write a value: None, a truth value, a number, a text, a list, or a map of them."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xd3" + struct.pack(">q", value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            content = value.encode("utf-8", "surrogatepass")
            return b"\xdb" + struct.pack(">I", len(content)) + content
        case list():
            return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(packed, value))
        case dict():
            parts = [packed(part) for pair in value.items() for part in pair]
            return b"\xdf" + struct.pack(">I", len(value)) + b"".join(parts)
        case _:
            raise TypeError(f"no {type(value).__name__} in a record")

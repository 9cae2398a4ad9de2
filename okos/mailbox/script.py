"""The Lua transitions: loaded from files, composed from shared pieces, called by digest.

A transition is `lua/{name}.lua`; its first line names the pieces it uses (`lua/_{piece}.lua`). They are put together
when loaded, under a header that gives every piece the namespace prefix `P`. All keys carry the namespace as one hash
tag, so that a cluster keeps them on one node.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

#: Every transition but these frees memory or must work when memory is full; they are refused then.
_REFUSED_WHEN_FULL = frozenset({"publish", "publish_all"})


@dataclass(frozen=True, slots=True)
class Script:
    """One composed transition. `digest` is the SHA-1 by which the server knows it, in hex."""

    name: str
    source: bytes
    digest: bytes


def compose(name: str, *, time_piece: str | None = None) -> Script:
    """Put a transition together.

    Args:
        name: The transition, a file `lua/{name}.lua`.
        time_piece: Lua source that replaces the piece `time`, for tests that move the clock.
    """
    folder = files("okos.mailbox").joinpath("lua")
    body = folder.joinpath(f"{name}.lua").read_text("utf-8")
    uses = body.split("\n", 1)[0].removeprefix("-- uses:").split()
    pieces = [
        time_piece
        if piece == "time" and time_piece is not None
        else folder.joinpath(f"_{piece}.lua").read_text("utf-8")
        for piece in uses
    ]
    flags = "" if name in _REFUSED_WHEN_FULL else " flags=allow-oom"
    source = "\n".join([f"#!lua{flags}", "local P = KEYS[1]", *pieces, body]).encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())

"""The form of what is stored, as one number: so that no release changes what it cannot read.

The number stands in `{ns}:engine`. It is written together with the first key of a namespace (`lua/_clock.lua`, in a
command that is sent anyway), and by a worker that starts on a namespace from before there was one (`lua/limit.lua`).
Each process reads it once, before its first transition (`Store.require_schema`).

Rule: releases with the same number run side by side on one namespace. What a release adds to a record, an option or a
reply, the others keep or pass over. What they could not do so with raises the number.
"""

from __future__ import annotations

#: What this release writes. `lua/_clock.lua` has the same.
SCHEMA = 1
#: The oldest that this release works on as it is.
OLDEST_SCHEMA = 1


def schema_problem(stored: bytes | None, namespace: str, *, oldest: int = OLDEST_SCHEMA, newest: int = SCHEMA) -> str:
    """Say why this release must not touch what is stored; empty if it may.

    Args:
        stored: The number as the server has it; None where there is none: nothing is stored, or by a release from
            before there was a number, which stored as 1 does.
        namespace: For the message.
        oldest: The oldest that can be worked on.
        newest: The latest that is known.
    """
    written = b"1" if stored is None else stored
    schema = int(written) if written.isdigit() else newest + 1
    if oldest <= schema <= newest:
        return ""
    shown = written.decode("ascii", "replace")
    of = f"what is stored in the namespace {namespace} is of schema {shown}, and this release"
    if schema < oldest:
        return (
            f"{of} works with none before {oldest}; nothing was touched: start the older release again, or bring the"
            " data along as CHANGELOG.md of this release says"
        )
    return (
        f"{of} knows none after {newest}; nothing was touched: start the newer release again, put back the backup from"
        " before it, or use another namespace"
    )

"""Files that come with an answer: shown as a line, and kept in a directory if the person names one."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from okos.errors import OkosError
from okos.local.visible import visible
from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from okos.envelope import Attachment, Reply

# What a file system takes everywhere, with room for a number.
_MOST_NAME_BYTES = 200
_MOST_NUMBERED = 10_000


class NotKept(OkosError):
    """A file cannot be written to where it is to be kept."""


def in_lines(reply: Reply, *, take: Callable[[Attachment], bytes | None], directory: Path | None) -> str:
    """Say a reply as a text: its own, below a line that tells of the file that came with it and what became of it.

    Args:
        reply: What came.
        take: Takes the bytes of a file; None if they are gone.
        directory: Where files are kept; None keeps none.
    """
    file = reply.attachment
    if file is None:
        return reply.text
    name = file.file_name or reply.kind
    try:
        content = take(file)
        if content is None:
            fate = "; it is gone"
        elif directory is None:
            fate = "; --save DIRECTORY keeps files"
        else:
            fate = f", kept as {keep(content, name, directory)}"
    except (NotKept, StoreUnavailable) as error:
        fate = f"; {error}"
    line = " ".join(visible(f"{reply.kind} {name}, {file.size_bytes:,} bytes{fate}").split())
    return f"[{line}]\n{reply.text}".rstrip()


def keep(content: bytes, name: str, directory: Path) -> Path:
    """Write a file into a directory, under its own name or one beside it that is free; returns where.

    Raises:
        NotKept: It cannot be written there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        wanted = directory / _safe(name)
        for number in range(1, _MOST_NUMBERED):
            path = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise NotKept(f"cannot keep a file in {directory}: {error.strerror or error}") from error
    raise NotKept(f"cannot keep a file in {directory}: there are too many of the name {_safe(name)}")


def _safe(name: str) -> str:
    """Make a file's name of what somebody else calls it: no way out of the directory, nothing hidden."""
    chars = ("_" if char in '/\\:*?"<>|' or unicodedata.category(char)[0] == "C" else char for char in name)
    cleaned = "".join(chars).lstrip(". ").rstrip()
    stem, dot, ending = cleaned.rpartition(".")
    while len(cleaned.encode()) > _MOST_NAME_BYTES:
        stem, ending = (stem[:-1], ending) if stem else ("", ending[:-1])
        cleaned = f"{stem}{dot}{ending}"
    return cleaned or "file"

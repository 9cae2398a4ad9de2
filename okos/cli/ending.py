"""How a command that talks to a person ends: cleaned up behind it, whatever ends it."""

from __future__ import annotations

import signal
import sys
from collections import namedtuple
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from okos.local.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT


@contextmanager
def ends_cleanly() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP unwind the block, and exit with 128 and the signal's number."""

    def unwind(signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, unwind)
    try:
        yield
    except KeyboardInterrupt:
        # If Ctrl-C met CPython in code that a library made of text (a class of data), it ends by the signal, whatever
        # is raised here, unless other such code has run to its end since.
        namedtuple("_", ())  # noqa: PYI024 - not for its sake
        raise SystemExit(_INTERRUPTED) from None


def print_text(text: str, stream: TextIO | None = None) -> None:
    """Print what a model wrote, at once.

    On a terminal without the characters that would steer it. What the stream's encoding does not have is replaced.
    """
    stream = sys.stdout if stream is None else stream
    text = visible(text) if stream.isatty() else text
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()

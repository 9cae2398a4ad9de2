"""The keyboard of a terminal, read in two ways that take turns.

While nothing is going on, a line is read with readline: history, editing, everything a shell has. While an answer
grows on the screen, the terminal neither echoes nor waits for Enter; what is typed is collected by `LineEditor`, and
the screen shows it. A line that is unfinished when the answer is there goes on in readline.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

from okos.local.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_END_OF_TEXT = "\x04"
_ERASE_LINE = "\x15"
_ERASE_WORD = "\x17"
_ERASE = ("\x7f", "\b")
# A cursor or function key: ESC [ … or ESC O …. There is nothing to move in a line that is only added to.
_KEY = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.|[^\[O])")
_UNFINISHED_KEY = re.compile(r"\x1b(\[[0-9;?]*[ -/]*|O)?$")
_READ_BYTES = 4096


class LineEditor:
    """Makes lines of what is typed: characters, erasing, Enter, Ctrl-D. Without a terminal."""

    def __init__(self) -> None:
        self.line = ""
        self.at_end = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unread = ""

    def feed(self, typed: bytes) -> list[str]:
        """Take what was typed; return the lines that it completes."""
        lines: list[str] = []
        text = _KEY.sub("", self._unread + self._decoder.decode(typed))
        unfinished = _UNFINISHED_KEY.search(text)
        self._unread = text[unfinished.start() :] if unfinished else ""
        for char in text[: len(text) - len(self._unread)]:
            if char in "\r\n":
                lines.append(self.line)
                self.line = ""
            elif char == _END_OF_TEXT:
                self.at_end = self.at_end or not self.line
            elif char in _ERASE:
                self.line = self.line[:-1]
            elif char == _ERASE_LINE:
                self.line = ""
            elif char == _ERASE_WORD:
                self.line = self.line.rstrip().rpartition(" ")[0]
            else:
                self.line += visible(char)
        return lines


class Typing:
    """What is being typed while an answer grows."""

    def __init__(self, fd: int, editor: LineEditor) -> None:
        self._fd = fd
        self._editor = editor

    @property
    def line(self) -> str:
        """The line so far."""
        return self._editor.line

    @property
    def at_end(self) -> bool:
        """Whether Ctrl-D was typed on an empty line: no more will come."""
        return self._editor.at_end

    def lines(self, wait_s: float) -> list[str]:
        """Wait for a key, at most so long; return the lines that were completed."""
        ready, _, _ = select.select([self._fd], [], [], wait_s)
        if not ready:
            return []
        typed = os.read(self._fd, _READ_BYTES)
        if not typed:
            self._editor.at_end = True
        return self._editor.feed(typed)


class Keyboard:
    """The terminal on stdin."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._editor = LineEditor()

    def read_line(self, prompt: str) -> str | None:
        """Read a line with readline, beginning with what was typed before; None at the end."""
        import readline  # noqa: PLC0415 - it takes hold of the terminal when it is imported

        begun, self._editor.line = self._editor.line, ""
        if self._editor.at_end:
            return None
        readline.set_startup_hook(lambda: readline.insert_text(begun))
        try:
            return input(prompt)
        except EOFError:
            return None
        finally:
            readline.set_startup_hook()

    @contextmanager
    def typing(self) -> Iterator[Typing]:
        """Collect what is typed, unechoed, while the block runs. Ctrl-C still interrupts."""
        before = termios.tcgetattr(self._fd)
        silent = termios.tcgetattr(self._fd)
        silent[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._fd, termios.TCSADRAIN, silent)
        try:
            yield Typing(self._fd, self._editor)
        finally:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

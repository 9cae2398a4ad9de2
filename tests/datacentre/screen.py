"""The lines of a console: what comes is shown above what is being typed, and a message that grows grows in place."""

import contextlib
import sys
import threading
from shutil import get_terminal_size

from rich.cells import cell_len

with contextlib.suppress(ImportError):  # not everywhere
    import readline
    import termios


class Screen:
    """Output and input. `live` is for terminals: earlier lines are rewritten, and the line being typed is kept."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._terminal = termios.tcgetattr(sys.stdin) if live and "termios" in globals() else None
        self._lock = threading.Lock()
        self._prompt = ""
        self._last: tuple[int, str] | None = None  # (message id, its lines) when nothing was shown after it

    def ask(self, prompt: str) -> str:
        """Read a line. Blocks.

        Raises:
            EOFError: there are no more.
        """
        if not self._live:
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            return line.rstrip("\n")
        self._prompt = prompt
        return input(prompt)

    def entered(self) -> None:
        """Know that a line was typed, which moved everything up."""
        with self._lock:
            self._last, self._prompt = None, ""

    def show(self, text: str) -> None:
        """Show lines that stay."""
        with self._lock:
            self._write(text)
            self._last = None

    def passing(self, text: str) -> None:
        """Show a line that the next message or passing line takes the place of."""
        with self._lock:
            self._rewrite(0, text)

    def message(self, number: int, head: str, text: str, *, edited: bool) -> None:
        """Show a message, or its new words in the place of the old ones where that is still possible."""
        with self._lock:
            if edited and not self._live:
                head = head.replace("bot", "bot edits", 1)
            self._rewrite(number, head + text)

    def leave(self) -> None:
        """Give the terminal back as it was: a line may still be half typed, in the line editor's mode."""
        if self._terminal is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)
        if self._live:
            sys.stdout.write("\n")
            sys.stdout.flush()

    def _rewrite(self, number: int, text: str) -> None:
        """Put a message's lines where they were, if nothing came after them; a passing line always gives way."""
        over = ""
        if self._live and self._last is not None and self._last[0] in {0, number}:
            over = f"\x1b[{_rows(self._last[1])}A"
        self._write(text, over)
        self._last = (number, text)

    def _write(self, text: str, over: str = "") -> None:
        if self._live:
            typed = self._prompt + _typed()
            sys.stdout.write(f"\r{over}\x1b[J{text}\n{typed}")
        else:
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _rows(text: str) -> int:
    width = max(get_terminal_size().columns, 1)
    return sum(max(1, -(-cell_len(line) // width)) for line in text.split("\n"))


def _typed() -> str:
    """Return what is typed so far, where the line editor can say it."""
    return readline.get_line_buffer() if "readline" in globals() else ""

"""A terminal that is drawn on again and again: ours for a while, and as it was afterwards, whatever happens.

It is drawn anew when its size changes and when it comes back from Ctrl-Z; keys come one by one. Without a terminal that
can move its cursor the same is written line after line.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_HOME, _END_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_PLAIN, _FAINT = "\x1b[0m", "\x1b[2m"
#: Of the first line, by how things stand.
_MOODS = {"good": "\x1b[1;32m", "doubtful": "\x1b[1;33m", "bad": "\x1b[1;31m"}

#: So wide is the first column, which names what stands beside it.
LABEL = 10

_LEAVING = frozenset({b"q", b"Q", b"\x04", b""})
_SMALLEST = os.terminal_size((80, 24))


def can_move() -> bool:
    """Say whether the cursor of this terminal can be moved."""
    from rich.console import Console  # noqa: PLC0415 - see okos.cli

    console = Console()
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def a_screen(*, moves: bool) -> Iterator[Screen]:
    """Have the terminal to oneself, if its cursor moves."""
    if not moves:
        yield Screen()
        return
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)

    def wake(_signum: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(wakes, b".")

    before = {signum: signal.getsignal(signum) for signum in (signal.SIGWINCH, signal.SIGTSTP)}
    with _keys() as (take, give_back):

        def suspend(signum: int, _frame: FrameType | None) -> None:
            give_back()
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
            # here it goes on when it is in the foreground again
            signal.signal(signum, suspend)
            take()
            wake(signum, None)

        signal.signal(signal.SIGWINCH, wake)
        signal.signal(signal.SIGTSTP, suspend)
        try:
            yield Screen(woken, colours=not os.environ.get("NO_COLOR"))
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            os.close(woken)
            os.close(wakes)


class Screen:
    """Shows lines, over the last ones if the cursor can be moved; hears the keys that leave.

    Args:
        woken: Has something to read when all is to be drawn anew; None if the cursor cannot be moved.
        colours: Whether what is shown may be coloured.
    """

    def __init__(self, woken: int | None = None, *, colours: bool = False) -> None:
        self._woken = woken
        self._colours = colours
        self._lines: Sequence[str] = ()
        self._mood = ""

    @property
    def moves(self) -> bool:
        """Whether it draws over what it showed before."""
        return self._woken is not None

    def show(self, lines: Sequence[str], *, mood: str) -> None:
        """Show lines, the first of which says how things stand: 'good', 'doubtful' or 'bad'."""
        if not self.moves:
            sys.stdout.write("\n".join([*lines, "", ""]))
            sys.stdout.flush()
            return
        self._lines, self._mood = lines, mood
        self._draw()

    def wait(self, seconds: float) -> bool:
        """Wait; says whether somebody wants to leave."""
        end = time.monotonic() + seconds
        keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        heard = [one for one in (self._woken, keys) if one is not None]
        while (left := end - time.monotonic()) > 0:
            if not heard:
                time.sleep(left)
                continue
            ready, _, _ = select.select(heard, [], [], left)
            if self._woken is not None and self._woken in ready:
                os.read(self._woken, 4096)
                self._draw()
            if keys is not None and keys in ready and os.read(keys, 1) in _LEAVING:
                return True
        return False

    def _draw(self) -> None:
        width, height = _size()
        # the last line stays free, so that nothing scrolls
        fitting = [line[: max(1, width - 1)] for line in self._lines[: max(1, height - 1)]]
        painted = [self._painted(number, line) for number, line in enumerate(fitting)]
        sys.stdout.write(_HOME + "".join(f"{line}{_END_OF_LINE}\r\n" for line in painted) + _REST)
        sys.stdout.flush()

    def _painted(self, number: int, line: str) -> str:
        if not self._colours:
            return line
        if number == 0:
            return f"{_MOODS[self._mood]}{line}{_PLAIN}"
        return f"{_FAINT}{line[:LABEL]}{_PLAIN}{line[LABEL:]}"


@contextmanager
def _keys() -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Take the terminal, and give it back in the end; gives what does either, for who has to in between."""
    import termios  # noqa: PLC0415 - there is a terminal
    import tty  # noqa: PLC0415

    stdin = sys.stdin.fileno() if sys.stdin.isatty() else None
    before = None if stdin is None else termios.tcgetattr(stdin)

    # A signal may come while stdout is being written to: what is written here does not go through it.
    def take() -> None:
        if stdin is not None:
            tty.setcbreak(stdin)
        os.write(sys.stdout.fileno(), _BEGIN.encode())

    def give_back() -> None:
        # of a terminal that has been closed nothing has to be restored
        with suppress(OSError, termios.error):
            os.write(sys.stdout.fileno(), _END.encode())
            if stdin is not None and before is not None:
                termios.tcsetattr(stdin, termios.TCSADRAIN, before)

    take()
    try:
        yield take, give_back
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        give_back()


def _size() -> os.terminal_size:
    """Ask the terminal how large it is: a variable of the environment would not know that it was changed."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return _SMALLEST
    return size if size.columns and size.lines else _SMALLEST

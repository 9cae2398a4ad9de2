"""What the demo shows while it plays: a live picture on a terminal, a line now and then elsewhere, or nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from okos.local.channel import wall_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console, RenderableType

    from okos.demo.tally import Tally, UserTally

_BAR_CHARS = 16
_REFRESH_S = 0.1
_PROGRESS_S = 1.0
# The heading, the events and the last line need room as well.
_OTHER_ROWS = 14


class Screen(Protocol):
    """Where the play is shown."""

    def event(self, text: str) -> None:
        """Tell something that happened, once."""

    def update(self, tally: Tally, total: int) -> None:
        """Show how far it is; called often, from one thread."""


class Quiet:
    """Shows nothing."""

    def event(self, text: str) -> None:
        """Tell nobody."""

    def update(self, tally: Tally, total: int) -> None:
        """Show nobody."""


class Lines:
    """Writes lines, each with the seconds since the start.

    Args:
        write: Takes a line without its end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._began = self._progress_at = time.monotonic()

    def event(self, text: str) -> None:
        """Write it."""
        self._write(_stamped(self._began, text))

    def update(self, tally: Tally, total: int) -> None:
        """Write how far it is, once a second."""
        now = time.monotonic()
        if now - self._progress_at >= _PROGRESS_S and tally.endings:
            self._progress_at = now
            self.event(_progress(tally, total))


class Picture:
    """Draws on a terminal: a row for each user, and below what happened."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, text: str) -> None:
        """Print it above the picture, where it stays."""
        self._console.print(Text(_stamped(self._began, text)))

    def update(self, tally: Tally, total: int) -> None:
        """Draw again, ten times a second at most."""
        now = time.monotonic()
        if now - self._drawn_at >= _REFRESH_S:
            self._drawn_at = now
            self._live.update(self._picture(tally, total), refresh=True)

    def _picture(self, tally: Tally, total: int) -> Group:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=8, no_wrap=True)
        table.add_column(width=_BAR_CHARS, no_wrap=True)
        table.add_column(width=7, no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        rows = max(1, self._console.height - _OTHER_ROWS)
        for user in tally.users[:rows]:
            table.add_row(*self._row(tally, user, total // len(tally.users)))
        more = len(tally.users) - rows
        parts: list[RenderableType] = [Text(""), table]
        if more > 0:
            parts.append(Text(f"… and {more} more users", "dim"))
        return Group(*parts, Text(""), Text(_progress(tally, total), "bold"))

    @staticmethod
    def _row(tally: Tally, user: UserTally, messages: int) -> tuple[Text, Text, Text, Text]:
        done = _BAR_CHARS * user.answered // messages
        sent = _BAR_CHARS * len(user.messages) // messages
        bar = Text.assemble(("━" * done, "green"), ("━" * (sent - done), "yellow"), ("━" * (_BAR_CHARS - sent), "dim"))
        current = user.current()
        doing = Text("")
        if current is not None:
            if tally.is_stranded(current, now_ms=wall_ms()):
                state, style = "held by the killed worker: ", "red"
            else:
                state, style = ("runs again: ", "magenta") if len(current.attempts) > 1 else ("runs: ", "cyan")
            doing = Text.assemble((state, style), (current.about, "dim"))
        elif user.waiting:
            doing = Text(f"{len(user.waiting)} in the mailbox", "yellow")
        return Text(user.name, "bold"), bar, Text(f"{user.answered}/{len(user.messages)}"), doing


def _progress(tally: Tally, total: int) -> str:
    now_ms = wall_ms()
    text = f"{tally.endings} of {total} answered; users being served: {tally.served_now(now_ms=now_ms)}"
    stranded = tally.stranded_now(now_ms=now_ms)
    return f"{text}; waiting for the killed worker's lease to run out: {stranded}" if stranded else text


def _stamped(began: float, text: str) -> str:
    return f"{time.monotonic() - began:5.1f} s  {text}"

"""A chat on a terminal: the answer grows while one types on."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from okos.local.channel import Delivered, Glimpse, LocalChannel, Seen
from okos.local.pending import Pending
from okos.local.question import Question, Unusable, check_text
from okos.local.received import in_lines
from okos.local.relay import QUIT
from okos.local.visible import visible
from okos.mailbox import MailboxFull, StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

    from okos.local.keyboard import Keyboard
    from okos.settings import Settings

PROMPT = "you> "
ANSWER = "okos> "
GREETING = "You are talking to Okos. Type on while it answers; /quit or Ctrl-D leaves."

_LOOK_S = 0.05
# Below the answer that grows: the line that is being typed, and room to breathe.
_ROWS_BELOW = 4


class Draft:
    """The latest glimpse of the answer to one message; an older attempt never overwrites a later one."""

    def __init__(self) -> None:
        self._glimpse: Glimpse | None = None

    def see(self, glimpse: Glimpse) -> None:
        """Take a glimpse."""
        before = self._glimpse
        if before is None or before.envelope_id != glimpse.envelope_id or before.attempt <= glimpse.attempt:
            self._glimpse = glimpse

    def of(self, envelope_id: str | None) -> str:
        """Give the text so far of the answer to this message."""
        glimpse = self._glimpse
        return glimpse.text if glimpse is not None and glimpse.envelope_id == envelope_id else ""


class Talk:
    """One person's chat.

    Args:
        settings: Those of a running Okos.
        user: Who talks.
        console: The terminal's screen.
        keyboard: The terminal's keyboard.
        directory: Where files of answers are kept; None keeps none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        user: str,
        console: Console,
        keyboard: Keyboard,
        directory: Path | None = None,
    ) -> None:
        self._user = user
        self._console = console
        self._keyboard = keyboard
        self._directory = directory
        self._arrived: SimpleQueue[Delivered] = SimpleQueue()
        self._seen = Seen()
        self._pending = Pending()
        self._draft = Draft()
        self._channel = LocalChannel(settings, on_reply=self._arrived.put, on_glimpse=self._draft.see)

    def run(self) -> None:
        """Talk until the person leaves."""
        with self._channel:
            self._console.print(GREETING, style="dim")
            while (line := self._keyboard.read_line(PROMPT)) is not None:
                if line.strip() == QUIT:
                    return
                self._say(line)
                if self._follow():
                    return

    def _follow(self) -> bool:
        """Show what comes until everything is answered; True if the person wants to leave."""
        spinner = Spinner("dots", style="dim")
        with (
            self._keyboard.typing() as typing,
            Live(
                console=self._console,
                transient=True,
                auto_refresh=False,
                get_renderable=lambda: self._growing(spinner, typing.line),
            ) as live,
        ):
            while self._show_arrived(live) or self._pending.first() is not None:
                for line in typing.lines(_LOOK_S):
                    if line.strip() == QUIT:
                        return True
                    if line.strip():
                        self._console.print(Text(PROMPT + line, style="bold"))
                        self._say(line)
                live.refresh()
        return False

    def _say(self, line: str) -> None:
        if not line.strip():
            return
        try:
            question = Question(text=check_text(line))
            envelope = self._channel.envelope(question, user=self._user)
            self._pending.add(envelope.id)
            try:
                self._channel.send(envelope, question)
            except (MailboxFull, StoreUnavailable):
                self._pending.remove(envelope.id)
                raise
        except (Unusable, MailboxFull, StoreUnavailable) as error:
            self._console.print(f"Not sent: {error}", style="red", markup=False, highlight=False)

    def _show_arrived(self, live: Live) -> bool:
        """Print the replies that have come; False when there was none."""
        shown = False
        while True:
            try:
                delivered = self._arrived.get_nowait()
            except Empty:
                return shown
            reply = delivered.reply
            if reply.last:
                self._pending.remove(reply.envelope_id)
            if self._seen.is_new(delivered):
                text = in_lines(reply, take=self._channel.take_file, directory=self._directory)
                if text.strip():
                    answer = Text.assemble((ANSWER, "cyan"), (visible(text), "red" if reply.failed else ""))
                    live.refresh()  # its draft goes before it comes
                    self._console.print(answer, soft_wrap=True)
            shown = True

    def _growing(self, spinner: Spinner, typed: str) -> RenderableType:
        """Draw the end of the answer that grows, and the line that is being typed."""
        text = visible(self._draft.of(self._pending.first()))
        parts: list[RenderableType] = []
        if text:
            answer = Text.assemble((ANSWER, "cyan"), (text, "dim"))
            rows = max(1, self._console.height - _ROWS_BELOW)
            parts += answer.wrap(self._console, self._console.width)[-rows:]
        parts.append(spinner)
        if typed:
            parts.append(Text(PROMPT + typed, overflow="ellipsis", no_wrap=True))
        return Group(*parts)

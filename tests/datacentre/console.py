"""A text client in the terminal: a person types, the bot's messages, edits and typing show as they come.

Lines come from a thread, since reading a terminal blocks; everything else happens on the data centre's loop.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

from .commands import HELP, Commands
from .record import Event
from .screen import Screen
from .server import DataCentre
from .world import Message

_QUIET_S = 2.0  # an answer that is not edited any more for that long is taken to be whole
_WAIT_S = 120.0
_FRESH_TYPING_S = 6.0  # Telegram shows typing that long

_TOLD = {
    "deleted": "(gone from {place}: {text})",
    "callback_answer": "(the bot answers the button: {text})",
    "commands": "(the bot's menu: {text})",
    "sign_in": "(the bot signs in)",
    "another_layer": "(the bot has another library for Telegram, of layer {text}: run both with the same Python)",
    "main_session": "(the bot is there)",
}


class Console:
    """The people of a sandbox, played by whoever sits at the terminal."""

    def __init__(self, dc: DataCentre, *, stop: Callable[[], None]) -> None:
        self._dc, self._stop = dc, stop
        self._interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._screen = Screen(live=self._interactive)
        self._commands = Commands(dc)
        self._told = len(dc.record.events)
        self._typing_at = 0.0
        self._last_event_at = 0.0
        self._answered = True

    def start(self) -> None:
        """Say how to connect a bot, then read lines until there are no more."""
        self._screen.show(_introduction(self._dc))
        self._screen.show(self._commands.where())
        self._dc.watchers.append(self._tell)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="lines", daemon=True).start()

    def end(self) -> None:
        """Leave the terminal as it was."""
        self._dc.watchers.remove(self._tell)
        self._screen.leave()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand each line over and wait until it is taken. Runs in a thread."""
        while True:
            try:
                line = self._screen.ask(self._commands.prompt())
            except EOFError:
                break
            try:
                if not asyncio.run_coroutine_threadsafe(self._take(line), loop).result():
                    return
            except (RuntimeError, CancelledError):  # the loop is gone
                return
        if self._interactive:
            loop.call_soon_threadsafe(self._stop)
        else:
            self._screen.show("(no more input; Ctrl-C ends it)")

    async def _take(self, line: str) -> bool:
        """Do what a line says; say whether there may be more."""
        self._screen.entered()
        words = line.split(maxsplit=1)
        match words:
            case ["/quit"]:
                self._stop()
            case ["/wait"]:
                await self._until_answered()
            case ["/?"]:
                self._screen.show(HELP)
            case []:
                pass
            case _:
                await self._until_signed_in()
                self._answered = False
                if note := self._commands.perform(line):
                    self._screen.show(note)
        return words != ["/quit"]

    async def _until_signed_in(self) -> None:
        """Hold what is said before the bot first asks where Telegram is: it never hears of what was there before."""

        def signed_in() -> bool:
            called = self._dc.record.counts()
            return called["updates.GetState"] + called["updates.GetDifference"] > 0

        if not signed_in():
            self._screen.show("(the bot has not signed in yet; this is sent when it has)")
            await self._dc.until(signed_in, timeout_s=float("inf"))

    async def _until_answered(self) -> None:
        """Wait until the bot has said something since the last line, and is quiet."""
        clock = asyncio.get_running_loop().time

        def quiet() -> bool:
            return self._answered and clock() - self._last_event_at > _QUIET_S

        try:
            await self._dc.until(quiet, timeout_s=_WAIT_S)
        except TimeoutError:
            self._screen.show("(no answer)")

    def _tell(self) -> None:
        """Show what the bot did since the last time."""
        events, self._told = self._dc.record.events[self._told :], len(self._dc.record.events)
        for event in events:
            self._tell_of(event)

    def _tell_of(self, event: Event) -> None:
        clock = asyncio.get_running_loop().time()
        place = self._commands.name_of(event.peer) if event.peer else ""
        if event.kind in {"said", "edited"}:
            assert event.peer is not None
            shown = self._dc.world.box_of(event.peer).messages[event.message_id or 0]
            self._last_event_at, self._typing_at, self._answered = clock, 0.0, True
            self._screen.message(shown.id, f"bot → {place}: ", _words_of(shown), edited=event.kind == "edited")
        elif event.kind == "typing" and clock - self._typing_at > _FRESH_TYPING_S:
            self._typing_at = clock
            self._screen.passing(f"(the bot is typing to {place} …)")
        elif event.kind == "draft":
            self._screen.passing(f"(draft to {place}) {event.text}")
        elif event.kind in _TOLD:
            self._screen.show(_TOLD[event.kind].format(place=place, text=event.text.replace("\n", ", ")))


def _words_of(message: Message) -> str:
    if message.media is None:
        return message.text
    about = " ".join(filter(None, [message.media.kind, message.media.emoji, message.media.file_name]))
    return f"[{about}, {message.media.size} bytes] {message.text}".rstrip()


def _okos() -> str:
    """Return how the command line is called from here: beside this interpreter, where it is installed."""
    beside = Path(sys.executable).with_name("okos")
    return os.path.relpath(beside) if beside.exists() else "okos"


def _introduction(dc: DataCentre) -> str:
    return "\n".join(
        [
            f"A Telegram data centre for tests, on {dc.address}. In another terminal:",
            "",
            "  export OKOS_TELEGRAM__API_ID=1 OKOS_TELEGRAM__API_HASH=0123456789abcdef0123456789abcdef",
            f"  export OKOS_TELEGRAM__BOT_TOKEN={dc.bot_token}",
            f"  export OKOS_TELEGRAM__DC_ADDRESS={dc.address}",
            f"  export OKOS_TELEGRAM__DC_PUBLIC_KEY={dc.public_key_path}",
            f"  {_okos()} up",
            "",
            "Then type here what a person says to the bot. /? says what else there is.",
        ]
    )

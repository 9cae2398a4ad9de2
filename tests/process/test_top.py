"""`okos top` on a real terminal: what is on its screen, what it leaves by, and what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dramatiq
import pytest
from real_server import a_server, eventually

from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from real_server import RealServer

NOBODY = "No worker is alive: nothing is handled."
ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """A terminal with a command on it, as its session's leader: what it wrote, and what is on its screen."""

    def __init__(self, ours: int, theirs: int, command: subprocess.Popen[bytes]) -> None:
        self.command = command
        self._ours, self._theirs = ours, theirs
        self._written = b""

    def written(self) -> str:
        """Return all that was ever written to it."""
        while select.select([self._ours], [], [], 0)[0]:
            try:
                self._written += os.read(self._ours, 65_536)
            except OSError:  # nobody has it open any more
                break
        return self._written.decode(errors="replace")

    def lines(self) -> list[str]:
        """Return what the last whole drawing put on it, without colours."""
        frames = self.written().split("\x1b[H")[1:]
        whole = [frame for frame in frames if "\x1b[J" in frame]
        drawn = whole[-1].partition("\x1b[J")[0] if whole else ""
        # the terminal sends a return of its own before each new line
        return COLOUR.sub("", drawn).replace("\x1b[K", "").replace("\r", "").split("\n")[:-1]

    def frames(self) -> int:
        """Count the drawings."""
        return self.written().count("\x1b[J")

    def resize(self, columns: int, rows: int) -> None:
        """Change its size; the kernel tells who is on it."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys; the terminal makes a signal of Ctrl-C and Ctrl-Z."""
        os.write(self._ours, keys)

    def echoes(self) -> bool:
        """Tell whether it shows what is typed, as a terminal does by itself."""
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def status(self) -> int:
        """Wait for the end, reading; return the exit status."""
        eventually(lambda: self.written() is not None and self.command.poll() is not None)
        return self.command.returncode

    def is_as_it_was(self) -> bool:
        """Tell whether the terminal was given back."""
        written = self.written()
        both = ((ALTERNATE, NORMAL), (HIDDEN, SHOWN))
        return self.echoes() and all(written.count(on) == written.count(off) for on, off in both)


@contextmanager
def on_a_terminal(
    url: str, home: Path, *arguments: str, settings: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Iterator[Screen]:
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "NO_COLOR"))}
    environment = kept | {
        "OKOS_HOME": str(home),
        "OKOS_CONFIG": os.devnull,
        "OKOS_REDIS_URL": url,
        "OKOS_NAMESPACE": "watched",
        "TERM": "xterm-256color",
        "PYTHONIOENCODING": "utf-8",
        # what an older size left behind
        "COLUMNS": "300",
        "LINES": "300",
        **(settings or {}),
    }

    def lead() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    command = subprocess.Popen(
        [*before, sys.executable, "-m", "okos", "top", *arguments],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lead,  # noqa: PLW1509 - it calls the kernel and nothing else
    )
    screen = Screen(ours, theirs, command)
    try:
        yield screen
    finally:
        command.kill()
        command.wait()
        os.close(theirs)
        os.close(ours)


@pytest.fixture
def top(url: str, tmp_path: Path) -> Iterator[Screen]:
    with on_a_terminal(url, tmp_path / "home", "--every", "0.2") as screen:
        eventually(screen.lines)
        yield screen


def test_it_draws_over_what_it_drew_and_q_gives_the_terminal_back(top: Screen) -> None:
    eventually(lambda: top.frames() > 2)

    assert top.lines()[0].startswith(NOBODY)
    assert not top.echoes()
    assert top.written().count(ALTERNATE) == 1
    top.type(b"q")
    assert top.status() == 0
    assert top.is_as_it_was()


def test_other_keys_do_nothing(top: Screen) -> None:
    top.type(b"xyz\x1b[A ")
    before = top.frames()
    eventually(lambda: top.frames() > before + 1)

    assert "xyz" not in top.written()
    top.type(b"Q")
    assert top.status() == 0


@pytest.mark.parametrize(
    ("end", "status"), [(b"\x03", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["Ctrl-C", "TERM", "HUP"]
)
def test_whatever_ends_it_the_terminal_is_as_it_was(top: Screen, end: bytes | signal.Signals, status: int) -> None:
    if isinstance(end, bytes):
        top.type(end)
    else:
        top.command.send_signal(end)

    assert top.status() == status
    assert top.is_as_it_was()
    assert "Traceback" not in top.written()


def test_a_smaller_terminal_is_drawn_for_at_once(url: str, tmp_path: Path) -> None:
    with on_a_terminal(url, tmp_path / "home", "--every", "3600") as screen:
        eventually(screen.lines)
        whole = screen.lines()
        screen.resize(24, 6)
        eventually(lambda: screen.frames() == 2)
        assert screen.lines() == [line[:23] for line in whole[:5]]
        screen.resize(1, 1)
        eventually(lambda: screen.frames() == 3)
        screen.resize(100, 30)
        eventually(lambda: screen.lines() == whole)
        screen.type(b"q")
        assert screen.status() == 0


def test_put_aside_with_ctrl_z_it_comes_back(url: str, tmp_path: Path) -> None:
    shell = ["bash", "-mc", '"$@"; echo put aside; read -r; fg', "bash"]
    with on_a_terminal(url, tmp_path / "home", "--every", "0.2", before=shell) as screen:
        eventually(screen.lines)
        screen.type(b"\x1a")
        eventually(lambda: "put aside" in screen.written())
        assert screen.is_as_it_was()

        before = screen.frames()
        screen.type(b"\n")

        eventually(lambda: screen.frames() > before)
        assert not screen.echoes()
        screen.type(b"q")
        assert screen.status() == 0
        assert screen.is_as_it_was()


@pytest.mark.parametrize(
    ("settings", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]
)
def test_colours_can_be_left_out(url: str, tmp_path: Path, settings: dict[str, str], *, is_coloured: bool) -> None:
    with on_a_terminal(url, tmp_path / "home", settings=settings) as screen:
        eventually(screen.lines)
        assert bool(COLOUR.search(screen.written())) == is_coloured
        assert screen.lines()[0].startswith(NOBODY)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(url: str, tmp_path: Path) -> None:
    with on_a_terminal(url, tmp_path / "home", "--every", "0.2", settings={"TERM": "dumb"}) as screen:
        eventually(lambda: screen.written().count(NOBODY) > 1)
        assert "\x1b" not in screen.written()


def test_into_a_pipe_it_writes_lines_and_ends_quietly_with_its_reader(url: str, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "okos", "top", "--every", "0.2"],
        env={**os.environ, "OKOS_HOME": str(tmp_path), "OKOS_CONFIG": os.devnull, "OKOS_REDIS_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    first = command.stdout.readline()
    command.stdout.close()

    said = command.stderr.read()
    command.wait()
    command.stderr.close()

    assert first.startswith(NOBODY.encode())
    assert b"Traceback" not in said


@pytest.fixture
def own_server() -> Iterator[RealServer]:
    with a_server() as server:
        yield server


def test_a_store_that_goes_away_is_told_of_and_found_again(own_server: RealServer, tmp_path: Path) -> None:
    broker = MailboxBroker(own_server.url, namespace="watched", middleware=[], client=True)
    message: dramatiq.Message[None] = dramatiq.Message("text", "text", (), {}, {"mailbox": "local:7"})
    broker.enqueue(message)
    with on_a_terminal(own_server.url, tmp_path / "home", "--every", "0.2") as screen:
        eventually(screen.lines)
        assert re.search(r"waiting +1 ", "\n".join(screen.lines()))
        own_server.stop()
        eventually(lambda: screen.lines()[0].startswith("The store does not answer"))
        assert re.search(r"waiting +1 ", "\n".join(screen.lines()))
        own_server.start()
        eventually(lambda: screen.lines()[0].startswith(NOBODY))
        screen.type(b"q")
        assert screen.status() == 0
    broker.close()

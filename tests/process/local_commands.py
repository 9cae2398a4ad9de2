"""Runs `okos ask`, `chat` and `demo` as a person does: real commands, on pipes or on a terminal of their own."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from real_server import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = '''
"""Handlers that do what the text says."""

import asyncio
from pathlib import Path

from okos.assistant import Turn, handles


@handles("text")
async def answer(turn: Turn) -> None:
    if turn.text == "fail":
        raise RuntimeError("the secret reason")
    if turn.text == "nothing":
        return
    if turn.text == "draw":
        await turn.reply_file("photo", b"\\xff\\xd8\\xff", name="chart.jpg", caption="as of today")
        return
    if turn.text == "twice":
        await turn.reply("one")
    await turn.reply(spoken(turn.text))


async def spoken(text: str):
    yield f"you said "
    if text.startswith("wait"):
        Path("begun").touch()
        while not Path("go").exists():
            await asyncio.sleep(0.01)
    yield text
'''


class Machine:
    """A machine without settings: a home, a working directory, a directory for what is temporary."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.directory = directory / "here"
        self.temporary = directory / "tmp"
        for path in (self.directory, self.temporary):
            path.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
        self.environment = kept | {
            "OKOS_HOME": str(self.home),
            "OKOS_CONFIG": os.devnull,
            "TMPDIR": str(self.temporary),
        }

    def with_handlers(self) -> Machine:
        """Put the handlers above in the working directory, to be the ones that answer."""
        (self.directory / "obedient.py").write_text(HANDLERS)
        self.environment["OKOS_HANDLERS"] = "obedient"
        return self

    def okos(self, *arguments: str, stdin: str | bytes = b"", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=self.environment | settings,
            cwd=self.directory,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
            timeout=100,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(self, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command, with pipes."""
        with subprocess.Popen(
            [sys.executable, "-m", "okos", *arguments],
            env=self.environment | settings,
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command:
            try:
                yield command
            finally:
                command.kill()

    @contextmanager
    def on_a_terminal(self, *arguments: str) -> Iterator[Terminal]:
        """Start a command on a terminal of its own."""
        ours, theirs = pty.openpty()
        command = subprocess.Popen(
            [sys.executable, "-m", "okos", *arguments],
            env=self.environment | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
            cwd=self.directory,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        terminal = Terminal(ours, command)
        try:
            yield terminal
        finally:
            command.kill()
            command.wait()
            os.close(ours)


class Terminal:
    """What a person has before them: a screen to read and a keyboard."""

    def __init__(self, fd: int, command: subprocess.Popen[bytes]) -> None:
        self._fd = fd
        self._command = command
        self._shown = b""

    def type(self, text: str) -> None:
        """Type, whoever listens."""
        os.write(self._fd, text.encode())

    def shown(self) -> str:
        """Return all that was ever written to the screen."""
        while select.select([self._fd], [], [], 0)[0]:
            try:
                written = os.read(self._fd, 65_536)
            except OSError:  # the command has ended
                break
            if not written:
                break
            self._shown += written
        return self._shown.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until the text was written to the screen."""
        eventually(lambda: text in self.shown())

    def status(self) -> int:
        """Wait for the end, reading the screen; return the exit status."""

        def is_over() -> bool:
            self.shown()
            return self._command.poll() is not None

        eventually(is_over)
        return self._command.returncode

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._command.send_signal(signal.SIGINT)


@contextmanager
def a_machine() -> Iterator[Machine]:
    """Give a machine in a directory with a short name, for the path of a socket has to be short."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="m-") as directory:
        yield Machine(Path(directory))

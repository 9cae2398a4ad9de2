"""The data centre as a process of its own, with a text client on its input and output."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from datacentre import DataCentre, a_bot

TESTS = Path(__file__).parents[1]


class Sandbox:
    """The process, what it said so far, and a way to speak to it."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.said: list[str] = []

    async def line(self, text: str) -> str:
        """Wait for a line that has this in it."""
        assert self.child.stdout is not None
        async with asyncio.timeout(60):
            while True:
                line = (await self.child.stdout.readline()).decode()
                assert line, f"it ended, having said {self.said}"
                self.said.append(line.rstrip())
                if text in line:
                    return line.rstrip()

    def type(self, text: str) -> None:
        """Type a line."""
        assert self.child.stdin is not None
        self.child.stdin.write(f"{text}\n".encode())


@contextlib.asynccontextmanager
async def a_sandbox(state: Path, port: int = 0) -> AsyncIterator[Sandbox]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "datacentre", "--port", str(port), "--state", str(state)),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Sandbox(child)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0


def test_a_person_talks_to_the_bot_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        async with a_sandbox(tmp_path / "state") as sandbox:
            address = (await sandbox.line("DC_ADDRESS")).rpartition("=")[2]
            there = DataCentre()  # never started: it stands for the one in the other process
            there.port = int(address.partition(":")[2])
            sandbox.type("/start me")
            await sandbox.line("has not signed in yet")
            async with a_bot(there) as (client, heard):
                message = await heard.get()
                assert message.text == "/start me"
                said = await client.send_message(message.chat.id, "Well")
                await client.edit_message_text(message.chat.id, said.id, "Well, started.")
                await sandbox.line("bot → Alice: Well")
                await sandbox.line("bot edits → Alice: Well, started.")
                sandbox.type("/to group bob")
                sandbox.type("/photo")
                photo = await heard.get()
                assert (photo.from_user.first_name, photo.chat.title, bool(photo.photo)) == ("Bob", "Group", True)
                sandbox.type("/edit a caption")
                sandbox.type("/to nobody")
                await sandbox.line("(there are alice, bob, group, forum)")
        async with a_sandbox(tmp_path / "state", port=there.port) as sandbox:
            await sandbox.line("DC_ADDRESS")  # it listens
            async with a_bot(there) as (client, heard):
                sandbox.type("/sticker 🙃")
                assert (await heard.get()).sticker.emoji == "🙃"
            sandbox.type("/quit")
            await sandbox.child.wait()

    asyncio.run(play())


def test_on_a_terminal_an_answer_grows_in_place_above_what_is_being_typed() -> None:
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "datacentre"],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TERM": "xterm", "COLUMNS": "1000"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    came = b""

    def until(text: str) -> bytes:
        nonlocal came
        while text.encode() not in came:
            came += os.read(ours, 4096)
        shown, _, came = came.partition(text.encode())
        return shown + text.encode()

    async def play() -> None:
        address = until("DC_PUBLIC_KEY").partition(b"DC_ADDRESS=")[2].split()[0].decode()
        there = DataCentre()
        there.port = int(address.partition(":")[2])
        async with a_bot(there) as (client, heard):
            until("(the bot is there)")
            os.write(ours, b"hello\n")
            message = await heard.get()
            said = await client.send_message(message.chat.id, "Well")
            until("bot → Alice: Well\r\n")
            os.write(ours, b"half a l")
            until("half a l")
            await client.edit_message_text(message.chat.id, said.id, "Well, hello.")
            # one line up, to the end of the screen, the new words, and what was being typed
            over = until("Alice> half a l").decode()
            assert "\x1b[1A\x1b[Jbot → Alice: Well, hello.\r\nAlice> half a l" in over

    try:
        asyncio.run(play())
        os.write(ours, b"\x15/quit\n")
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"\x80\x04]\x94.")
    ended = subprocess.run(
        [sys.executable, "-m", "datacentre", "--state", str(state)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [f"{state} holds no state that this version reads. Remove it to begin anew."]

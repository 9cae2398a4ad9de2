"""Workers of a second machine: they take their share, and when that machine dies nothing is lost.

Both machines have a home of their own, and of the first one the second knows nothing but OKOS_REDIS_URL. Once they are
two process groups on loopback; and once, where the kernel lets us, two network namespaces with a wire between them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real_server import a_server, eventually
from test_image_runs import free_ports

from okos.local.channel import Delivered, LocalChannel
from okos.local.question import Question
from okos.server.acl import users_file
from okos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS, EACH, THREADS = 12, 10, 4
#: Of who lives: no pause of the machine is as long. And of the machine that dies.
LEASE_MS, SHORT_LEASE_MS = 30_000, 1_500
#: The number of each user's message that ends only when the test says so.
HELD = 5
#: Set in the process that is in a network namespace of its own.
WIRED = "OKOS_TEST_WIRED"
HOST, CABLE = "10.99.0.1", ("10.99.0.1/24", "10.99.0.2/24")
HANDLERS = f'''
"""Handlers that note down which machine began what, and do not hurry."""

import asyncio
import json
import os
from pathlib import Path

from okos.assistant import Turn, handles


@handles("text")
async def answer(turn: Turn) -> None:
    with Path("journal").open("a") as journal:
        journal.write(json.dumps(turn.text) + chr(10))
    await asyncio.sleep(0.1)
    while turn.text.endswith(".{HELD}") and not Path("go").exists():
        await asyncio.sleep(0.01)
    await turn.reply(turn.text)
'''


class Machine:
    """A home, a working directory with handlers, and one worker command."""

    def __init__(self, directory: Path, url: str, *, lease_ms: int = LEASE_MS, within: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self._lease_ms = lease_ms
        self._url = url
        self._within = within
        (directory / "noting").mkdir(parents=True)
        (directory / "noting" / "__init__.py").write_text(HANDLERS)

    @contextmanager
    def working(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start its worker; what is left of it at the end is killed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
        ours = {
            "OKOS_HOME": str(self.directory / "home"),
            "OKOS_REDIS_URL": self._url,
            "OKOS_HANDLERS": "noting",
            "OKOS_LEASE_MS": str(self._lease_ms),
        }
        command = [sys.executable, "-m", "dramatiq", "okos.actors", "--processes", "1", "--threads", str(THREADS)]
        with (self.directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [*self._within, *command],
                env=kept | ours,
                cwd=self.directory,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                kill(process)

    def began(self) -> list[str]:
        """Tell what its handlers began, in their order."""
        try:
            written = (self.directory / "journal").read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in written[: written.rfind("\n") + 1].splitlines()]

    def holds(self) -> int:
        """Count what its handlers began and cannot end."""
        return sum(text.endswith(f".{HELD}") for text in self.began())


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker command and all that it started, as a machine that loses its power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)


def play(root: Path, host: str, *, within: tuple[str, ...] = ()) -> None:
    """Let two machines work, kill the second one in the middle, and look at every answer."""
    (port,) = free_ports(1)
    url = f"redis://okos:a-password@{host}:{port}/0"
    options = {"port": str(port), "bind": host, "protected-mode": "no"}
    with ExitStack() as stack:
        stack.enter_context(a_server(options=options, users=users_file(url, namespace="okos")))
        first = Machine(root / "first", url)
        second = Machine(root / "second", url, lease_ms=SHORT_LEASE_MS, within=within)
        stack.enter_context(first.working())
        other = stack.enter_context(second.working())
        settings = Settings(home=root / "here", redis_url=url, lease_ms=LEASE_MS)
        answers: dict[str, list[str]] = defaultdict(list)

        def hear(delivered: Delivered) -> None:
            answers[delivered.reply.chat].append(delivered.reply.text)

        channel = stack.enter_context(LocalChannel(settings, on_reply=hear))
        eventually(lambda: len(channel.broker.workers()) == 2)
        for number in range(EACH):
            for user in range(USERS):
                question = Question(text=f"{user}.{number}")
                channel.send(channel.envelope(question, user=str(user)), question)
        eventually(lambda: second.holds() >= THREADS and first.holds() >= THREADS)  # no one of them has more threads
        kill(other)
        share = len(second.began())
        (first.directory / "go").touch()
        eventually(lambda: sum(map(len, answers.values())) >= USERS * EACH)
        stats = channel.broker.stats()

    assert dict(answers) == {str(user): [f"{user}.{number}" for number in range(EACH)] for user in range(USERS)}
    assert len(second.began()) == share
    begun = Counter(first.began() + second.began())
    assert len(begun) == USERS * EACH
    # What the second one held when it died was begun again by the first one, and nothing else was.
    assert sum(begun.values()) - len(begun) <= stats.stalled
    assert stats.dead == 0


def test_a_second_machine_takes_its_share_and_its_death_loses_nothing(tmp_path: Path) -> None:
    play(tmp_path, "127.0.0.1")


def can_have_wires() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None or shutil.which("nsenter") is None:
        return False
    wire = ["unshare", "-rn", "ip", "link", "add", "here", "type", "veth", "peer", "name", "there"]
    return subprocess.run(wire, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_have_wires(), reason="no network namespace may be made here")
def test_the_same_over_a_wire_between_two_networks() -> None:
    if WIRED not in os.environ:
        inside = [
            "unshare",
            "-rn",
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            __file__,
            "-k",
            "wire",
        ]
        played = subprocess.run(
            inside, env=os.environ | {WIRED: "1"}, capture_output=True, text=True, check=False, timeout=110
        )
        assert played.returncode == 0, played.stdout + played.stderr
        return
    with tempfile.TemporaryDirectory(prefix="okos-wire-", dir="/tmp") as directory, a_wire() as there:
        play(Path(directory), HOST, within=there)


@contextmanager
def a_wire() -> Iterator[tuple[str, ...]]:
    """Lay a wire from this network to a new one; gives what a command is begun with to be there."""
    with subprocess.Popen(["unshare", "-n", "sleep", "600"], start_new_session=True) as holder:
        there = ("nsenter", "-t", str(holder.pid), "-n")
        ours = Path("/proc/self/ns/net").readlink()
        eventually(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != ours)
        for words in (
            "ip link set lo up",
            f"ip link add here type veth peer name there netns {holder.pid}",
            f"ip addr add {CABLE[0]} dev here",
            "ip link set here up",
            " ".join((*there, "ip link set lo up")),
            " ".join((*there, f"ip addr add {CABLE[1]} dev there")),
            " ".join((*there, "ip link set there up")),
        ):
            subprocess.run(words.split(), check=True)
        yield there
        holder.kill()

"""What Okos leaves in its home is for its owner alone, whatever the umask of who starts it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real_server import eventually

from okos.doctor import Grade, examine
from okos.home import append_private, prepare_home, write_private
from okos.private import private_okos
from okos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
CAREFREE = 0o022


@pytest.fixture
def carefree() -> Iterator[None]:
    """Make files readable by all for the length of a test."""
    before = os.umask(CAREFREE)
    yield
    os.umask(before)


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory with a short path: a socket's may have 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="okos-", dir="/tmp") as directory:
        yield Path(directory)


def open_to_others(home: Path) -> list[tuple[str, str]]:
    """Walk the home, itself included: what others may read, write, or pass through."""
    found = [home, *home.rglob("*")]
    return [(str(path), stat.filemode(mode)) for path in found if (mode := path.lstat().st_mode) & 0o077]


@contextmanager
def okos_up(home: Path) -> Iterator[None]:
    """Run `okos up` with a server of its own and the web, until it is ready."""
    log = home.parent / "log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    given = {"OKOS_HOME": str(home), "OKOS_CONFIG": os.devnull, "OKOS_WEB__PORT": "0", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "okos", "up"],
            env=kept | given | {"OKOS_CONCURRENCY": "2", "OKOS_WORKER_PROCESSES": "1"},
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            umask=CAREFREE,
        )
    try:
        eventually(
            lambda: (
                up.poll() is not None
                or ("Okos is ready." in log.read_text() and "The dashboard is at" in log.read_text())
            )
        )
        assert up.poll() is None, log.read_text()
        yield
    finally:
        up.terminate()
        up.wait(60)


def test_all_that_okos_up_makes_is_its_owner_s(place: Path) -> None:
    home = place / "home"

    with okos_up(home):
        there = {str(path.relative_to(home)) for path in home.rglob("*")}
        open_now = open_to_others(home)

    assert {"lock", "running.json", "web.token", "server.sock", "server/server.log", "server/server.pid"} <= there
    assert [name for name in there if name.startswith("server/appendonlydir/")]
    assert (open_now, open_to_others(home)) == ([], [])


def test_a_socket_elsewhere_is_its_owner_s_too(place: Path) -> None:
    home = place / ("a-long-name-" * 8) / "home"
    home.parent.mkdir()

    with okos_up(home):
        elsewhere = Path((home / "server.where").read_text())
        open_now = open_to_others(home) + open_to_others(elsewhere)

    assert open_now == []


@pytest.mark.usefixtures("carefree")
def test_all_that_a_private_okos_makes_is_its_owner_s(place: Path) -> None:
    home = place / "home"

    with private_okos(home, settings=Settings(), scheduler=True, directory=REPOSITORY) as okos:
        okos.wait_ready()
        open_now = open_to_others(home)

    assert (home / "okos.log").exists()
    assert open_now == []


@pytest.mark.usefixtures("carefree")
def test_a_file_of_an_older_version_is_closed_when_it_is_written_again(tmp_path: Path) -> None:
    for name in ("log", "note"):
        (tmp_path / name).write_text("before ")

    with append_private(tmp_path / "log") as log:
        log.write(b"after")
    write_private(tmp_path / "note", "after")

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("log", "note")] == [0o600, 0o600]
    assert [(tmp_path / name).read_text() for name in ("log", "note")] == ["before after", "after"]


@pytest.mark.usefixtures("carefree")
def test_a_directory_that_was_there_is_left_as_it_is_and_doctor_says_so(tmp_path: Path) -> None:
    home = tmp_path / "shared"
    home.mkdir()

    prepare_home(home)
    finding = next(one for one in examine(Settings(home=home)) if one.name == "home")

    assert home.stat().st_mode & 0o777 == 0o755
    assert (finding.grade, finding.text) == (Grade.WARNING, f"others may look into {home}: chmod 700 it")

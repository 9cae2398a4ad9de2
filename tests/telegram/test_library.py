"""Which library is under test: the one that was asked for, all of it, and nothing of the other one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pyrogram

from okos.telegram.library import LIBRARY_VERSION

PACKAGE = Path(pyrogram.__file__).parent


def asked_for() -> Distribution:
    """Find what is to be tested, installed: Pyrogram, unless `make check-kurigram` says another."""
    name, _, version = os.environ.get("TESTED_LIBRARY", "pyrogram").partition("==")
    found = distribution(name)
    assert version in {"", found.version}
    return found


def test_the_library_is_the_one_that_was_asked_for() -> None:
    assert asked_for().version == LIBRARY_VERSION


def test_the_library_is_whole_and_no_file_of_another_one_is_in_it() -> None:
    library = asked_for()
    listed = {Path(str(library.locate_file(file))) for file in library.files or [] if file.suffix == ".py"}

    assert set(PACKAGE.rglob("*.py")) == {file for file in listed if file.is_relative_to(PACKAGE)}
    assert PACKAGE / "raw" / "all.py" in listed


def test_a_process_that_is_started_has_the_same_library() -> None:
    look = [sys.executable, "-c", "import pyrogram; print(pyrogram.__file__)"]

    assert subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip() == pyrogram.__file__

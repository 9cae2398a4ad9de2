"""Files that come with an answer, in `okos ask` and `okos chat`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from local_commands import Machine, a_machine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[Machine]:
    with a_machine() as machine:
        yield machine.with_handlers()


def test_a_file_that_is_answered_is_told_of(machine: Machine) -> None:
    done = machine.okos("ask", "draw")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[photo chart.jpg, 3 bytes; --save DIRECTORY keeps files]\nas of today\n"


def test_a_file_that_is_answered_is_kept_where_one_says(machine: Machine) -> None:
    done = machine.okos("ask", "--save", "files", "draw")

    assert done.stdout == "[photo chart.jpg, 3 bytes, kept as files/chart.jpg]\nas of today\n"
    assert (machine.directory / "files" / "chart.jpg").read_bytes() == b"\xff\xd8\xff"


def test_files_of_a_chat_are_kept_each_under_a_name_of_its_own(machine: Machine) -> None:
    done = machine.okos("chat", "--save", "files", stdin="draw\nhello\ndraw\n")

    assert [line for line in done.stdout.splitlines() if "hello" in line or "kept" in line] == [
        "[photo chart.jpg, 3 bytes, kept as files/chart.jpg]",
        "you said hello",
        "[photo chart.jpg, 3 bytes, kept as files/chart-2.jpg]",
    ]

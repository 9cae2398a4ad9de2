"""A worker that cannot start says why in one line and ends with exit code 1."""

from __future__ import annotations

import subprocess
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from running import DRAMATIQ, an_environment

if TYPE_CHECKING:
    from pathlib import Path

URL = "redis://127.0.0.1:1"
HANDLER = """
    from okos.assistant import handles

    @handles("text")
    async def {name}(turn): ...
"""


def started(directory: Path, **settings: str) -> tuple[int, list[str]]:
    """Run a worker in a directory; give its exit code and what Okos said."""
    ended = subprocess.run(
        [DRAMATIQ, "okos.actors", "-p", "1", "-t", "2"],
        cwd=directory,
        env=an_environment(directory, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in ended.stdout
    return ended.returncode, [line for line in ended.stdout.splitlines() if line.startswith("okos: ")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"OKOS_REDIS_URL": URL, "OKOS_CONCURRENCY": "many"}, "concurrency"),
        ({"OKOS_REDIS_URL": URL, "OKOS_HANDLERS": "no_such_package"}, "no package no_such_package"),
        ({"OKOS_REDIS_URL": URL, "OKOS_MODEL__API_KEY": "kéy"}, "model.api_key"),
        ({}, "OKOS_REDIS_URL is not set and no Okos runs in"),
    ],
)
def test_a_start_that_cannot_be_says_why_in_one_line(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    code, said = started(tmp_path, **settings)

    assert code == 1
    assert len(said) == 1
    assert words in said[0]


def test_two_handlers_for_one_kind_are_named_in_one_line(tmp_path: Path) -> None:
    package = tmp_path / "handlers"
    package.mkdir()
    for name in ("one", "two"):
        (package / f"{name}.py").write_text(dedent(HANDLER).format(name=name))

    code, said = started(tmp_path, OKOS_REDIS_URL=URL, OKOS_HANDLERS="handlers")

    assert code == 1
    assert said == ["okos: two functions are for 'text': handlers.one.one and handlers.two.two; leave one"]

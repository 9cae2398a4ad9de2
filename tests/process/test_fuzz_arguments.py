"""Whatever somebody types behind a command ends in a line and an exit code, steers no terminal and breaks nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from okos.cli import app
from okos.errors import OkosError
from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

pytestmark = pytest.mark.fuzz

ODD = [
    *("", " ", "-", "--", "-1", "--yes", "local:7", "*", "?", "[a]", "\\", "{okos}:msg", "../../etc/passwd", "~x"),
    *("$(id)", "`id`", "; id", "%s%n", "\x1b]0;title\x07", "\x1b[2J", "\r\nx", "\u202egnp", "é" * 300, "9" * 30, "nan"),
    *("inf", "1e999", "0x7f", "2026-13-45", "7d", "999999999999d", "\udcff", "😀", "a" * 5000, "'\"<b>", "null"),
]
#: A variable and an argument cannot hold a zero byte.
WORD = st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\0"), max_size=20)
COMMANDS = [
    ["mailbox"],
    ["message"],
    ["failed", "--mailbox"],
    ["failed", "--since"],
    ["failed", "--error"],
    ["failed", "--actor"],
    ["requeue", "--yes"],
    ["requeue", "--yes", "--mailbox"],
    ["cancel", "--yes"],
    ["cancel", "--yes", "--mailbox"],
    ["pause"],
    ["resume"],
    ["limits", "set"],
    ["users"],
    ["drain", "--timeout"],
]


@pytest.fixture
def machine(url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the commands at a store of this test's own, with a message that waits and one that is paused."""
    for name in [name for name in os.environ if name.startswith(("OKOS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OKOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OKOS_CONFIG", os.devnull)
    monkeypatch.setenv("OKOS_REDIS_URL", url)
    monkeypatch.setenv("OKOS_NAMESPACE", namespace)
    broker = MailboxBroker(url, namespace=namespace, middleware=[], client=True)
    yield
    broker.flush_all()
    broker.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("machine")
@fuzzed(60)
@given(command=st.sampled_from(COMMANDS), words=st.lists(WORD, min_size=1, max_size=3), as_json=st.booleans())
def test_a_command_ends_with_one_of_its_exit_codes(command: list[str], words: list[str], *, as_json: bool) -> None:
    done = run(*command, *words, *(["--json"] if as_json else []))

    # main() makes one line of an error of ours
    assert done.exception is None or isinstance(done.exception, SystemExit | OkosError), done.exception
    assert done.exit_code in {0, 1, 2, 3}
    assert "Traceback" not in done.output
    if done.exit_code != 2:  # what is written wrongly is quoted by the parser, to who wrote it
        assert "\x1b" not in done.output


@pytest.mark.usefixtures("machine")
@fuzzed(20)
@given(name=st.sampled_from(["OKOS_CONCURRENCY", "OKOS_WEB__PORT", "OKOS_NAMESPACE", "OKOS_REDIS_URL"]), value=WORD)
def test_a_setting_that_cannot_be_meant_is_named_and_not_quoted_if_it_is_secret(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        done = run("config", "check")

    assert done.exception is None or isinstance(done.exception, SystemExit | OkosError), done.exception
    assert done.exit_code in {0, 1}

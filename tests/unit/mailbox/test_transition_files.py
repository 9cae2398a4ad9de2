"""How the Lua transitions are put together."""

import hashlib
import re
from importlib.resources import files

import pytest

from okos.mailbox.script import compose
from okos.mailbox.store import TRANSITIONS

LUA = files("okos.mailbox").joinpath("lua")
PIECES = {one.name.removeprefix("_").removesuffix(".lua") for one in LUA.iterdir() if one.name.startswith("_")}


def test_every_file_is_a_transition_or_a_piece_that_one_uses() -> None:
    names = {one.name.removesuffix(".lua") for one in LUA.iterdir() if not one.name.startswith("_")}
    used = {piece for name in names for piece in header(name)}

    assert names == set(TRANSITIONS)
    assert used == PIECES


def header(name: str) -> list[str]:
    first = LUA.joinpath(f"{name}.lua").read_text("utf-8").split("\n", 1)[0]
    assert first.startswith("-- uses:")
    return first.removeprefix("-- uses:").split()


@pytest.mark.parametrize("name", TRANSITIONS)
def test_only_publishing_is_refused_when_memory_is_full(name: str) -> None:
    first = compose(name).source.split(b"\n", 1)[0]

    assert first == (b"#!lua" if name in {"publish", "publish_all"} else b"#!lua flags=allow-oom")


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_is_called_by_the_digest_of_what_is_loaded(name: str) -> None:
    script = compose(name)

    assert script.digest.decode() == hashlib.sha1(script.source, usedforsecurity=False).hexdigest()
    assert script.source.split(b"\n")[1] == b"local P = KEYS[1]"


@pytest.mark.parametrize("name", TRANSITIONS)
def test_the_clock_can_be_replaced_and_nothing_else_reads_the_time(name: str) -> None:
    source = compose(name, time_piece="-- no clock").source

    assert b"'TIME'" not in source
    assert compose(name).source.count(b"'TIME'") == ("time" in header(name))


@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_argument_is_documented(name: str) -> None:
    body = LUA.joinpath(f"{name}.lua").read_text("utf-8")

    assert "-- KEYS[1]  namespace prefix" in body
    assert ("ARGV" in re.sub(r"^--.*$", "", body, flags=re.MULTILINE)) <= ("-- ARGV" in body)

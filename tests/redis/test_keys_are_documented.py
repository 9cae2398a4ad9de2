"""docs/redis.md lists every key and every channel: whatever the engine touches is held against its tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from play import Play, a_broker
from real_server import a_server
from witness import PAGE, TYPES, Witness, documented, rows

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    """Let everything happen that can, once, in front of a witness."""
    with a_server() as server:
        witness = Witness(server.admin_url)
        broker = a_broker(server.url)
        Play(broker).run()
        witness.hear()
        yield witness
        broker.close()
        witness.close()


def test_every_key_is_documented(witness: Witness) -> None:
    assert sorted(key for key in witness.keys if documented(key) is None) == []


def test_every_key_has_the_type_that_is_documented(witness: Witness) -> None:
    wrong = {
        (documented(key), TYPES[event])
        for key, events in witness.keys.items()
        for event in events & set(TYPES)
        if rows()[documented(key) or ""][0] != TYPES[event]
    }

    assert wrong == set()


def test_every_channel_is_documented(witness: Witness) -> None:
    assert sorted(channel for channel in witness.channels if documented(channel) is None) == []


def test_every_key_and_channel_that_is_documented_exists(witness: Witness) -> None:
    used = {documented(name) for name in (*witness.keys, *witness.channels)}

    assert sorted(set(rows()) - used) == []


def test_every_field_of_a_record_is_documented() -> None:
    scripts = Path(__file__).parents[2] / "okos" / "mailbox" / "lua"
    source = "\n".join(path.read_text(encoding="utf-8") for path in scripts.glob("*.lua"))
    written = set(re.findall(r"(\w+) = ", "".join(re.findall(r"local record = \{(.*)\}", source))))
    for names in re.findall(r"(?m)^ *(?:if .* then )?((?:record\.\w+, )*record\.\w+) = ", source):
        written |= set(re.findall(r"record\.(\w+)", names))
    record = PAGE.read_text(encoding="utf-8").partition("## The record of a message")[2].partition("\n## ")[0]
    listed = {name for row in re.findall(r"(?m)^\| (`.*?) \|", record) for name in re.findall(r"`(\w+)`", row)}

    assert {"state", "token", "bytes", "merged"} <= written
    assert sorted(written - listed) == []

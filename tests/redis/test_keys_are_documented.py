"""docs/redis.md lists every key and every channel: whatever the engine touches is held against its tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from play import Play, a_broker
from real_server import a_server
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "redis.md"
PREFIX = "{okos}:"
DEADLINE_S = 60.0
# What kind of key a command that made an event writes; the others write any kind, or none.
TYPES = {
    "hset": "hash",
    "hincrby": "hash",
    "zadd": "zset",
    "rpush": "list",
    "lpush": "list",
    "set": "string",
    "sadd": "set",
}


def rows() -> dict[str, tuple[str, str]]:
    """Read the first two cells of each row that names a key or a channel."""
    found = re.findall(r"(?m)^\| `(\{okos\}:[^`]+)` \| ([^|]+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"))
    return {name: (second.strip(), third.strip()) for name, second, third in found}


def pattern_of(name: str) -> re.Pattern[str]:
    return re.compile(
        "".join(".+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[^>]+>)", name))
    )


def documented(name: str) -> str | None:
    """Find the most literal row that names this."""
    fits = [row for row in rows() if pattern_of(row).fullmatch(name)]
    return max(fits, key=lambda row: len(row.partition("<")[0]), default=None)


class Witness:
    """Hears of every key that is written, and of everything published, on a server of its own."""

    def __init__(self, url: str) -> None:
        self.keys: dict[str, set[str]] = {}
        self.channels: set[str] = set()
        self._client = Redis.from_url(url)
        self._client.config_set("notify-keyspace-events", "KA")
        # A witness that is slow must not be cut off.
        self._client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py's
        self._pubsub.psubscribe("*")

    def hear(self) -> None:
        """Take in all that has been said until now."""
        self._client.publish("that is all", "")
        while True:
            said = self._pubsub.get_message(timeout=DEADLINE_S)
            if said is None:
                continue  # the confirmation of the subscription
            channel, text = said["channel"].decode(), said["data"].decode("utf-8", "replace")
            if channel == "that is all":
                return
            if channel.startswith("__keyspace@0__:"):
                self.keys.setdefault(channel.removeprefix("__keyspace@0__:"), set()).add(text)
            else:
                self.channels.add(channel)

    def close(self) -> None:
        self._pubsub.close()
        self._client.close()


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    """Let everything happen that can, once, in front of a witness."""
    with a_server() as server:
        witness = Witness(server.url)
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

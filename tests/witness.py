"""What is written on a server, heard while it happens, and the page that lists what may be: docs/redis.md."""

from __future__ import annotations

import re
from pathlib import Path

from redis import Redis

PAGE = Path(__file__).parents[1] / "docs" / "redis.md"
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
    """Read a name of the page with its <parts>."""
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

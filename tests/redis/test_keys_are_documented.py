"""docs/redis.md lists every key and every channel: whatever the engine touches is held against its tables."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from real_server import a_server, eventually
from redis import Redis

from okos.mailbox import MailboxBroker, MailboxFull, current_run
from okos.middleware import EventLoop, History, RateLimit, Retry, Shutdown, TimeLimit, UserMutex

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
        broker = MailboxBroker(
            server.url,
            lease_ms=1_000,
            middleware=[
                UserMutex(),
                RateLimit(jobs_per_second=1000, burst=1000, all_per_second=100_000),
                TimeLimit(),
                Shutdown(grace_ms=1_000),
                EventLoop(),
                History(done_count=2, dead_count=2),
                Retry(max_retries=1, min_backoff=1, max_backoff=1),
            ],
        )
        Play(broker).run()
        witness.hear()
        yield witness
        broker.close()
        witness.close()


@contextmanager
def working(broker: MailboxBroker) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=4)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


class Play:
    """Every feature, each used at least once.

    Args:
        broker: On a server that nobody else uses.
    """

    def __init__(self, broker: MailboxBroker) -> None:
        self.broker = broker
        self.runs, self.may_end = threading.Event(), threading.Event()
        self.handle = dramatiq.actor(broker=broker, actor_name="handle")(self._handle)

    def run(self) -> None:
        """Play all of it."""
        with working(self.broker):
            self.put_in()
            self.settle()
            self.look()
            self.overfill_and_stop()
            self.drain()
        self.cancel_what_nobody_runs()

    def put_in(self) -> None:
        """Publish now, later, once, alone, and by its priority."""
        self.send(dedup_id="update:1")
        self.send(dedup_id="update:1")
        self.send(delay=100)
        self.send(hold=100, mailbox="held")
        self.send(expires=60_000)
        self.send(priority=-1, mailbox="high")
        self.send(priority=1, mailbox="low")
        self.handle.send("alone")

    def settle(self) -> None:
        """Succeed with effects, fail, fail for good, and come back."""
        self.broker.write("attachment:1", b"bytes", ttl_ms=60_000)
        self.send("has effects")
        self.send("fails once")
        apology = self.handle.message_with_options(args=("an apology",), mailbox="outbox")
        self.send("fails", on_dead=apology)
        for number in range(4):
            self.send("fails", mailbox=f"failing:{number}")
        self.drain()
        assert self.broker.requeue(letter.id for letter in self.broker.failed()) > 0
        self.drain()

    def look(self) -> None:
        """Listen to a preview, and see what is there."""
        with self.broker.previews("outbox") as previews:
            self.broker.preview("outbox", b"so far")
            assert next(payload for payload in previews if payload is not None) == b"so far"
        assert self.broker.stats().accepted > 0
        eventually(self.broker.workers)
        assert self.broker.mailbox("a").key == "a"

    def overfill_and_stop(self) -> None:
        """Fill a mailbox in each of its ways while it runs; pause it, limit it, cancel it."""
        running = self.send("runs", mailbox="full")
        eventually(self.runs.is_set)
        self.send(mailbox="full", on_full="coalesce")
        self.send(mailbox="full", on_full="coalesce", max_backlog=2)
        self.send(mailbox="full", on_full="drop_oldest", max_backlog=2)
        with pytest.raises(MailboxFull):
            self.send(mailbox="full", max_backlog=2)
        for key in ("full", None):
            assert self.broker.pause(key)
            assert self.broker.resume(key)
        self.broker.limit("limited", max_jobs_per_user=2, burst=3)
        self.broker.limit("limited")
        self.broker.limit(None, jobs_per_second=1000)
        assert self.broker.cancel(running) == "flagged"
        self.send(mailbox="full", latest_wins=True)
        self.may_end.set()

    def cancel_what_nobody_runs(self) -> None:
        """Replace, cancel one, cancel all, and clean up, with no worker alive."""
        waiting = [self.send(mailbox="whole") for _ in range(3)]
        edited = self.handle.message_with_options(args=("another text",), mailbox="whole").copy(message_id=waiting[0])
        assert self.broker.replace(edited)
        assert self.broker.cancel(waiting[0]) == "cancelled"
        assert self.broker.cancel_mailbox("whole") == (2, 0)
        self.broker.sweep()
        self.broker.prune()

    def send(self, what: str = "", **options: Any) -> str:  # Any: a message's options
        return self.handle.send_with_options(args=(what,), **{"mailbox": "a", **options}).message_id

    def drain(self) -> None:
        self.broker.join("default", timeout=60_000)

    def _handle(self, what: str) -> None:
        run = current_run()
        assert run is not None
        match what:
            case "fails once" if run.attempt == 1:
                raise ConnectionError(what)
            case "fails":
                raise ValueError(what)
            case "has effects":
                self.handle.send("an effect")
                run.append("memory:a", b"a turn", keep=2, ttl_ms=60_000)
                run.put("value", b"v", ttl_ms=60_000)
                run.delete("attachment:1")
                run.cost = 2
            case "runs":
                self.runs.set()
                while not self.may_end.wait(0.01):
                    pass


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
    written = set(re.findall(r"put\('(\w+)'", source))
    for call in re.findall(r"'HSET', (?:key|P \.\. 'msg:' \.\. [\w.\[\]]+), ([^\n]*)\)", source):
        written |= set(re.findall(r"(?:^|, )'(\w+)', ", call))
    record = PAGE.read_text(encoding="utf-8").partition("## The record of a message")[2].partition("\n## ")[0]
    listed = {name for row in re.findall(r"(?m)^\| (`.*?) \|", record) for name in re.findall(r"`(\w+)`", row)}

    assert {"state", "token", "error", "more"} <= written
    assert sorted(written - listed) == []

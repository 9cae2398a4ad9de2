"""Whoever can write to the server can stop Okos, or have it say what they like; it does not run their code.

Each hostile message below is written straight into Redis. A real worker meets it: it is buried, with a reason, nothing
is called but declared actors, and everybody else is served. Hostile records are in `test_poison_records`.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.encoder import PickleEncoder
from dramatiq.message import get_encoder, set_encoder
from poisoned import Poisoned, a_body, a_victim
from real_server import eventually

from okos.mailbox import MailboxBroker, RunsCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Evil:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def victim(url: str, namespace: str) -> Iterator[Poisoned]:
    with a_victim(url, namespace) as victim:
        yield victim


def nested(depth: int) -> bytes:
    return b'{"queue_name": ' + b"[" * depth + b"]" * depth + b"}"


def a_link() -> dict[str, Any]:
    link: dict[str, Any] = json.loads(a_body())
    return link


def a_chain(length: int) -> bytes:
    before, _, after = a_body(options={"pipe_target": "next"}).partition(b'"next"')
    return before * length + a_body() + after * length


UNREADABLE: dict[str, bytes | None] = {
    "nothing": None,
    "empty": b"",
    "bytes": b"\x80\x04\xff\xfe",
    "no message": b"[]",
    "a null": b"null",
    "a number": b"7",
    "half a message": b'{"queue_name": "default"}',
    "nested deep": nested(100_000),
    "a huge number": a_body().replace(b'"message_timestamp": 1', b'"message_timestamp": ' + b"9" * 10_000),
    "another field": a_body(__class__="os.system"),
    "a queue that is a list": a_body(queue_name=["default"]),
    "a queue that is an object": a_body(queue_name={"a": 1}),
    "a queue that nobody serves": a_body(queue_name="../../etc"),
    "an actor that is a list": a_body(actor_name=["greet"]),
    "arguments by name that are a list": a_body(kwargs=["a"]),
    "arguments that are a number": a_body(args=7),
    "options that are a list": a_body(options=["time_limit"]),
    "an id that is an object": a_body(message_id={"a": 1}),
    "an instant that is a text": a_body(message_timestamp="yesterday"),
    "a limit that is a text": a_body(options={"time_limit": "for ever"}),
    "a limit that is a list": a_body(options={"time_limit": [1]}),
    "a limit that is huge": a_body(options={"time_limit": 10**400}),
    "a limit that is below zero": a_body(options={"time_limit": -1}),
    "an age that is a text": a_body(options={"max_age": "1"}),
    "retries that are a text": a_body(options={"max_retries": "many"}),
    "a backoff that is no number": a_body(options={"min_backoff": float("nan")}),
    "what it throws": a_body(options={"throws": "builtins.Exception"}),
    "an instant of a delay queue": a_body(options={"eta": 1}),
    "a callback that is an object": a_body(options={"on_success": {"eval": "1"}}),
    "a callback that is a list": a_body(options={"on_failure": ["os.system"]}),
    "a target that is a text": a_body(options={"pipe_target": "os.system"}),
    "a target that is half a message": a_body(options={"pipe_target": {"actor_name": "greet"}}),
    "a target with another field": a_body(options={"pipe_target": a_link() | {"__reduce__": "os.system"}}),
    "a target whose limit is a text": a_body(options={"pipe_target": a_link() | {"options": {"time_limit": "x"}}}),
    "a chain that is too long": a_chain(20_000),
}

#: The actor is a name, looked up among those that were declared: whatever it is, it is none of them.
NO_ACTOR = ["../../etc/passwd", "os.system", "builtins.eval", "__init__", "okos.actors", "greet.fn", "greet ", "", "\0"]


def test_a_body_that_cannot_run_is_buried_with_a_reason_and_stops_nobody(
    victim: Poisoned, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="okos.mailbox.pump")

    for name, body in UNREADABLE.items():
        victim.plant(name, body=body)
    victim.serves("second")
    eventually(lambda: UNREADABLE.keys() <= victim.errors().keys())

    found = victim.errors()
    assert {name for name in UNREADABLE if not found[name].startswith("the message cannot be read: ")} == set()
    assert all(len(found[name]) < 400 for name in UNREADABLE)
    said = caplog.text
    assert {
        name for name in UNREADABLE if f"message {name} (mailbox bad:{name!r}): the message cannot" not in said
    } == set()
    assert {call[0] for call in victim.called} == {"first", "second"}
    victim.is_well()


def test_an_actor_that_was_not_declared_is_never_found(victim: Poisoned) -> None:
    for actor in NO_ACTOR:
        victim.plant(f"of {actor!r}", body=a_body(actor_name=actor))
    victim.serves("second")
    eventually(lambda: len(victim.errors()) == len(NO_ACTOR))

    assert all(error.startswith("ActorNotFound: ") for error in victim.errors().values())
    assert {call[0] for call in victim.called} == {"first", "second"}
    victim.is_well()


@pytest.mark.parametrize("option", ["on_success", "pipe_target"])
@pytest.mark.parametrize("actor", ["os.system", "broker.flush_all", "__import__"])
def test_what_is_to_follow_is_a_declared_actor_or_nothing(victim: Poisoned, option: str, actor: str) -> None:
    follower = json.loads(a_body(actor_name=actor, message_id="next")) if option == "pipe_target" else actor

    victim.plant("m", body=a_body(options={option: follower}))
    victim.serves("second")
    eventually(lambda: ("poison",) in victim.called)
    eventually(lambda: not victim.broker.stats().running)
    victim.serves("third")

    assert {call[0] for call in victim.called} == {"first", "poison", "second", "third"}
    victim.is_well()


def test_what_was_pickled_is_never_unpickled(victim: Poisoned, tmp_path: Path) -> None:
    evil = pickle.dumps(Evil(tmp_path / "evil"))

    victim.plant("as body", body=evil)
    victim.plant("as record", record=evil, body=a_body())
    victim.client.hset(victim.key("on_dead"), "as apology", evil)
    victim.plant("as apology", record={"on_dead": 1}, body=b"so that it is buried")
    victim.client.hset(victim.key("merged"), "as merged", evil)
    victim.plant("as merged", record={"merged": 1}, body=a_body(args=["merged"]))
    victim.client.hset(victim.key("override"), "bad:'as override'", evil)
    victim.client.hset(victim.key("engine"), "overriding", "1")
    victim.plant("as override", body=a_body(args=["overridden"]))
    victim.serves("second")
    eventually(lambda: len(victim.errors()) == 3 and len(victim.called) == 4)

    assert set(victim.errors()) == {"as body", "as record", "as apology"}
    assert {call[0] for call in victim.called} == {"first", "second", "merged", "overridden"}
    assert not (tmp_path / "evil").exists()
    victim.is_well()


def test_a_worker_that_would_unpickle_does_not_start(url: str, namespace: str) -> None:
    broker = MailboxBroker(url, namespace=namespace)
    before = get_encoder()
    set_encoder(PickleEncoder())
    try:
        with pytest.raises(RunsCode, match="runs code"):
            dramatiq.Worker(broker, worker_threads=1).start()
    finally:
        set_encoder(before)
        broker.close()


def test_no_thread_is_left_behind(url: str, namespace: str) -> None:
    before = {thread.name for thread in threading.enumerate()}

    with a_victim(url, namespace) as victim:
        victim.plant("m", record=b"\xc1")
        victim.plant("n", body=b"no message")
        eventually(lambda: len(victim.errors()) == 2)

    eventually(lambda: {thread.name for thread in threading.enumerate()} <= before)

"""Whoever writes records, keys and apologies straight into Redis stops nobody's messages but their own.

A real worker meets each: it is buried or passed over, with a reason, and everybody else is served. Hostile messages in
good records are in `test_poison`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packing import packed
from poisoned import QUEUE, Poisoned, a_body, a_victim
from real_server import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def victim(url: str, namespace: str) -> Iterator[Poisoned]:
    with a_victim(url, namespace) as victim:
        yield victim


NO_RECORD = {
    "empty": b"",
    "never used": b"\xc1",
    "an extension": b"\xc7\x08\x01" + b"\xff" * 8,
    "a short extension": b"\xd4\x01\x00",
    "cut off": b"\x85\xa3box",
    "nested deep": b"\x91" * 20_000 + b"\xc0",
    "maps nested deep": b"\x81\xa1a" * 5_000 + b"\xc0",
    "a text": b"\xa5hello",
    "a number": b"\x07",
    "a list": b"\x93\x01\x02\x03",
    "a huge list": b"\xdd\xff\xff\xff\xff",
    "a huge map": b"\xdf\xff\xff\xff\xff",
    "a huge text": b"\xdb\xff\xff\xff\xff",
}
WRONG_FIELDS: dict[str, dict[str, object]] = {
    "a mailbox that is a number": {"box": 7},
    "a mailbox that is a map": {"box": {"a": 1}},
    "a queue that is a list": {"queue": [1]},
    "a queue that is nothing": {"queue": None},
    "a state that is true": {"state": True},
    "an instant that is a text": {"at": "yesterday"},
    "an instant that is a number in a text": {"at": "7"},
    "an instant beyond all": {"at": 1e300},
    "an instant below zero": {"at": -1},
    "a length that is a map": {"bytes": {}},
    "attempts that are a text": {"attempts": "many"},
    "attempts beyond all": {"attempts": 1e300},
    "stalls that are a list": {"stalls": [1]},
    "a patience that is a text": {"max_stalls": "endless"},
    "retries that are true": {"retries": True},
    "a cost that is a text": {"cost": "much"},
    "a cost beyond all": {"cost": 1e300},
    "a charge beyond all": {"charged": 1e300},
    "a due instant that is a text": {"due": "soon"},
    "a life that is a text": {"epoch": "third"},
    "a band that is a number": {"band": 1},
    "a token that is a list": {"token": [1]},
    "a process that is a map": {"proc": {"a": 1}},
    "a reason that is a number": {"cancel": 7},
}


def test_a_record_that_is_none_is_buried_with_its_mailbox_named_and_stops_nobody(victim: Poisoned) -> None:
    for name, record in NO_RECORD.items():
        victim.plant(name, record=record, body=a_body())
    for name, fields in WRONG_FIELDS.items():
        victim.plant(name, record=fields, body=a_body())
    bad = NO_RECORD.keys() | WRONG_FIELDS.keys()
    victim.serves("second")
    eventually(lambda: bad <= victim.errors().keys())

    assert {name: error for name, error in victim.errors().items() if name in bad} == {
        name: f"its record cannot be read; it was in mailbox bad:{name!r}" for name in bad
    }
    assert {call[0] for call in victim.called} == {"first", "second"}
    assert victim.broker.requeue(sorted(bad)) == 0
    assert victim.broker.discard(sorted(bad)) == len(bad)
    left = {kind: set(victim.client.hgetall(victim.key(kind))) for kind in ("msg", "body", "error")}
    assert left == {"msg": set(), "body": set(), "error": set()}
    victim.is_well()


def test_behind_a_record_that_is_none_its_mailbox_goes_on(victim: Poisoned) -> None:
    victim.broker.pause("bad:'m'")
    victim.plant("m", record=b"\xc1", body=a_body())
    victim.greet.send_with_options(args=("behind",), mailbox="bad:'m'")

    victim.broker.resume("bad:'m'")

    eventually(lambda: ("behind",) in victim.called)


def test_a_name_that_is_no_text_is_handled_and_settled_like_any(victim: Poisoned) -> None:
    victim.plant(b"\xff\xfe id", body=a_body())
    victim.plant(b"\xff\xfe bad", body=b"no message")
    eventually(lambda: ("poison",) in victim.called and victim.errors())

    assert victim.errors().keys() == {"\\xff\\xfe bad"}
    victim.serves("second")
    victim.is_well()


@pytest.mark.parametrize("key", ["box:bad:x", "rate:bad:x"])
def test_a_mailbox_whose_keys_are_of_another_type_stops_no_other(victim: Poisoned, key: str) -> None:
    victim.client.set(victim.key(key), "poison")
    if key != "box:bad:x":
        victim.client.hset(
            victim.key("msg"),
            "x",
            packed({"box": "bad:x", "queue": QUEUE, "at": 1, "state": "waiting", "bytes": 1}),
        )
        victim.client.rpush(victim.key("box:bad:x"), "x")
    victim.client.zadd(victim.key(f"ready:{QUEUE}:1"), {"bad:x": 1})
    victim.client.zadd(victim.key("timed"), {"bad:x": 1})

    victim.serves("second")
    victim.serves("third")

    victim.is_well()


APOLOGIES: dict[str, object] = {
    "a text": "os.system",
    "a list": [1, 2],
    "no fields": {},
    "fields of other types": {"id": 1, "box": [], "queue": {}, "band": 1, "body": 7},
    "a cost that is a text": {"cost": "all"},
    "a delay beyond all": {"delay": 1e300},
    "a backlog that is a list": {"backlog": [1]},
}


def test_an_apology_that_is_none_is_passed_over_and_its_message_buried(victim: Poisoned) -> None:
    good = {
        "id": "a",
        "box": "b",
        "queue": QUEUE,
        "band": "1",
        "body": a_body().decode(),
        "cost": 1,
        "delay": 0,
        "hold": 0,
    }
    good |= {
        "dedup": "",
        "dedup_ttl": 0,
        "expires": 0,
        "backlog": 0,
        "on_full": "reject",
        "actor": "greet",
        "latest": False,
    }
    for name, apology in APOLOGIES.items():
        fields = good | apology if isinstance(apology, dict) and apology and "id" not in apology else apology
        victim.client.hset(victim.key("on_dead"), name, packed(fields))
        victim.plant(name, record={"on_dead": 1}, body=b"so that it is buried")
    eventually(lambda: APOLOGIES.keys() <= victim.errors().keys())
    victim.serves("second")

    assert {call[0] for call in victim.called} == {"first", "second"}
    victim.is_well()


def test_an_apology_that_names_what_is_inside_reaches_declared_actors_alone(victim: Poisoned) -> None:
    """A burial publishes what was prepared; whatever actor it names is looked up like any."""
    apology = {"id": "a", "box": "b", "queue": QUEUE, "band": "1", "cost": 1, "delay": 0, "hold": 0, "dedup": ""}
    apology |= {"dedup_ttl": 0, "expires": 0, "backlog": 0, "on_full": "reject", "actor": "", "latest": False}
    body = a_body(actor_name="okos.template.write", message_id="a").decode()
    victim.client.hset(victim.key("on_dead"), "m", packed(apology | {"body": body}))

    victim.plant("m", record={"on_dead": 1}, body=b"so that it is buried")

    eventually(lambda: {"m", "a"} <= victim.errors().keys())
    assert victim.errors()["a"].startswith("ActorNotFound: ")
    victim.is_well()


def test_what_a_process_says_of_itself_may_be_anything(victim: Poisoned) -> None:
    for name, said in {"a": b"no json", "b": b"[1]", "c": b"{}", "d": b'{"queues": 7}', "e": b"\xff"}.items():
        victim.client.zadd(victim.key("procs"), {name: 9e15})
        victim.client.hset(victim.key(f"proc:{name}"), "self", said)

    eventually(lambda: [worker.in_hand for worker in victim.broker.workers()] == [0])
    victim.serves("second")
    victim.is_well()

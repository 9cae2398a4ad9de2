"""A message from its publishing to its reply: a real worker, a real server, a real HTTP model."""

from __future__ import annotations

import io
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from model_server import ModelServer, a_model_server, refuses, says, stalls_after
from PIL import Image
from real_server import eventually
from running import Client, a_client, a_worker, stop

from okos.home import prepare_home
from okos.outbox import GivenUp
from okos.server import find_binary, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare_home(tmp_path / "home")


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    server = start_server(home, find_binary(), namespace="okos")
    yield server.url
    server.stop()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with a_client(url) as client:
        yield client


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with a_model_server() as model:
        yield model


def test_without_a_model_every_kind_is_answered_in_order(url: str, home: Path, client: Client) -> None:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "#e61414").save(content, "PNG")
    client.publish("hello there")
    client.publish_photo(content.getvalue())
    client.publish(kind="sticker", emoji="🙂")
    client.publish_body(client_envelope("voice"), kind="unsupported", message_id="v1")

    with a_worker(url, home):
        replies = client.wait_for_replies(4)

    assert [reply.envelope_id for reply in replies] == ["m0", "m1", "m2", "v1"]
    assert all(reply.last and not reply.failed for reply in replies)
    assert "“hello there”" in replies[0].text
    assert "PNG, 40 x 30 pixels" in replies[1].text
    assert "slightly smiling face. I remember 2 earlier turns" in replies[2].text
    assert "I can't read that kind of message yet: voice." in replies[3].text


def test_what_was_said_in_one_message_is_known_in_the_next(
    url: str, home: Path, client: Client, model: ModelServer
) -> None:
    model.behave(says("Hello Ada."))
    client.publish("I am Ada.")
    client.publish("Who am I?")

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url, OKOS_MODEL__NAME="tiny"):
        replies = client.wait_for_replies(2)

    assert [reply.text for reply in replies] == ["Hello Ada.", "Hello Ada."]
    said = [message["content"] for message in model.requests[1]["messages"][1:]]
    assert said == ["I am Ada.", "Hello Ada.", "Who am I?"]


def test_an_answer_can_be_watched_while_it_is_written(url: str, home: Path, client: Client, model: ModelServer) -> None:
    model.behave(stalls_after("Once upon"))

    with client.broker.previews("outbox.local.test") as previews, a_worker(url, home, OKOS_MODEL__BASE_URL=model.url):
        client.publish("Tell me a story.")
        shown = json.loads(next(payload for payload in previews if payload is not None))

    assert (shown["id"], shown["text"]) == ("m0", "Once upon")
    assert shown["token"]


def test_a_retry_doubles_neither_the_answer_nor_the_memory(
    url: str, home: Path, client: Client, model: ModelServer
) -> None:
    model.behave(refuses(500), says("Hel", finish=None), refuses(429, headers={"retry-after": "0"}), says("Hello"))
    client.publish("one")
    client.publish("two")

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url):
        replies = client.wait_for_replies(2)

    assert [(reply.envelope_id, reply.text) for reply in replies] == [("m0", "Hello"), ("m1", "Hello")]
    assert [message["content"] for message in model.requests[-1]["messages"][1:]] == ["one", "Hello", "two"]
    assert len(client.broker.read_list("memory:local:7")) == 2


@pytest.mark.parametrize("case", [(401, 1, GivenUp.REFUSED), (503, 3, GivenUp.BUSY)], ids=["refused", "busy"])
def test_a_message_that_is_given_up_on_ends_with_an_apology_and_frees_its_user(
    url: str, home: Path, client: Client, model: ModelServer, case: tuple[int, int, GivenUp]
) -> None:
    status, requests, why = case
    model.behave(*[refuses(status, "bad key sk-abcdefgh12345678")] * requests, says("Hello"))
    client.publish("one")
    client.publish("two")

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url, OKOS_RETRY_ATTEMPTS="2"):
        replies = client.wait_for_replies(2)

    assert [(reply.text, reply.last, reply.failed) for reply in replies] == [
        (why.value, True, True),
        ("Hello", True, False),
    ]
    assert client.broker.stats().dead == 1
    assert len(model.requests) == requests + 1
    assert "sk-abcdefgh" not in (home / "worker.log").read_text()


def test_what_the_user_must_be_told_is_told_at_once(url: str, home: Path, client: Client, model: ModelServer) -> None:
    model.behave(refuses(400, code="context_length_exceeded"))
    client.publish("x" * 2**20)

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url):
        replies = client.wait_for_replies(1)

    assert "shorter parts" in replies[0].text
    assert (replies[0].last, replies[0].failed) == (True, False)
    assert client.broker.stats().dead == 0


def test_what_is_no_envelope_is_a_dead_letter_at_once_and_blocks_nobody(url: str, home: Path, client: Client) -> None:
    client.publish_body({"id": "bad"}, kind="text", message_id="bad")
    client.publish("hello")

    with a_worker(url, home):
        replies = client.wait_for_replies(1)

    assert replies[0].envelope_id == "m0"
    assert client.broker.stats().dead == 1


def test_a_worker_that_is_killed_in_the_middle_of_an_answer_leaves_none(
    url: str, home: Path, client: Client, model: ModelServer
) -> None:
    model.behave(stalls_after("Once"), says("Hello"))
    client.publish("one")
    client.publish("two")

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url, OKOS_LEASE_MS="2000") as worker:
        eventually(lambda: model.requests)
        os.killpg(worker.pid, signal.SIGKILL)
    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url):
        replies = client.wait_for_replies(2)

    assert [(reply.envelope_id, reply.text) for reply in replies] == [("m0", "Hello"), ("m1", "Hello")]


def test_a_worker_that_is_asked_to_end_closes_what_it_streams_and_gives_it_back(
    url: str, home: Path, client: Client, model: ModelServer
) -> None:
    model.behave(stalls_after("Once"), says("Hello"))
    client.publish("one")

    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url) as worker:
        eventually(lambda: model.requests)
        assert stop(worker) == 0
    assert model.hung_up.wait(60)
    with a_worker(url, home, OKOS_MODEL__BASE_URL=model.url):
        replies = client.wait_for_replies(1)

    assert [(reply.envelope_id, reply.text) for reply in replies] == [("m0", "Hello")]


def client_envelope(kind: str) -> dict[str, object]:
    fields = {"id": "v1", "channel": "local", "chat": "7", "user": "7", "kind": kind}
    return {**fields, "sent_at_ms": 0, "reply_to": "outbox.local.test"}

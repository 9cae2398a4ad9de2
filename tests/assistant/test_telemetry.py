"""What is told to others' tools by a real worker and a real client: one trace a message, a report a dead letter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from real_server import a_server, eventually
from running import REPOSITORY, a_worker, an_environment
from telemetry_receiver import Receiver, a_receiver

from okos.local.channel import Delivered, LocalChannel
from okos.local.question import Question
from okos.settings import Settings, Tracing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

WORDS = "the-walrus-and-the-carpenter"

FAILS = """
from okos.assistant import Turn, handles


@handles("text")
async def fail(turn: Turn) -> None:
    words = turn.text
    raise ValueError(f"cannot answer {words}")
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        yield receiver


@pytest.fixture
def url() -> Iterator[str]:
    with a_server() as server:
        yield server.url


def asked(settings: Settings, times: int = 1) -> list[Delivered]:
    """Ask as a local client, and wait for the answers."""
    delivered: list[Delivered] = []
    with LocalChannel(settings, on_reply=delivered.append) as channel:
        for _ in range(times):
            question = Question(text=WORDS)
            channel.send(channel.envelope(question, user="7"), question)
        eventually(lambda: len(delivered) == times)
    return delivered


def traced(url: str, receiver: Receiver, *, sample_ratio: float = 1.0) -> Settings:
    return Settings(redis_url=url, tracing=Tracing(endpoint=receiver.url, sample_ratio=sample_ratio))


def parents(spans: list[Span]) -> dict[str, str | None]:
    """Map the name of each span to that of its parent. An outbox is named anew by each client: its name is cut."""
    names = {span.span_id: span.name.partition(".")[0] for span in spans}
    return {names[span.span_id]: names.get(span.parent_span_id) for span in spans}


def test_a_message_and_its_answer_are_one_trace_from_publication_to_delivery(
    url: str, receiver: Receiver, tmp_path: Path
) -> None:
    with a_worker(url, tmp_path, OKOS_TRACING__ENDPOINT=receiver.url):
        asked(traced(url, receiver))

    spans = receiver.spans()
    assert len({span.trace_id for span in spans}) == 1
    assert parents(spans) == {
        "publish text": None,
        "wait text": "publish text",
        "run text": "publish text",
        "model": "run text",
        "publish outbox": "run text",
        "settle text": "run text",
        "wait outbox": "publish outbox",
        "run deliver": "publish outbox",
        "settle outbox": "run deliver",
    }
    assert WORDS.encode() not in b"".join(receiver.bodies)


def test_each_attempt_is_a_span_and_one_that_failed_says_by_what(url: str, receiver: Receiver, tmp_path: Path) -> None:
    with a_worker(
        url,
        tmp_path,
        OKOS_TRACING__ENDPOINT=receiver.url,
        OKOS_RETRY_ATTEMPTS="1",
        **_failing(tmp_path),
    ):
        delivered = asked(traced(url, receiver))

    assert delivered[0].reply.failed
    runs = [_attributes(span) for span in receiver.spans() if span.name == "run text"]
    assert [(run["okos.attempt"], run["okos.outcome"], run["error.type"]) for run in runs] == [
        (1, "retry", "ValueError"),
        (2, "dead", "ValueError"),
    ]
    assert len({span.trace_id for span in receiver.spans()}) == 1
    assert "run deliver" in {span.name for span in receiver.spans()}
    assert WORDS.encode() not in b"".join(receiver.bodies)


def test_what_is_not_sampled_is_traced_nowhere(url: str, receiver: Receiver, tmp_path: Path) -> None:
    with a_worker(url, tmp_path, OKOS_TRACING__ENDPOINT=receiver.url):
        asked(traced(url, receiver, sample_ratio=0))

    assert receiver.spans() == []


def test_a_dead_letter_is_reported_once_and_without_what_was_written(
    url: str, receiver: Receiver, tmp_path: Path
) -> None:
    with a_worker(url, tmp_path, OKOS_SENTRY__DSN=receiver.dsn, OKOS_RETRY_ATTEMPTS="1", **_failing(tmp_path)):
        delivered = asked(Settings(redis_url=url))
        eventually(lambda: receiver.bodies)

    events = [json.loads(line) for body in receiver.bodies for line in body.split(b"\n") if b'"exception"' in line]
    assert [event["tags"]["message_id"] for event in events] == [delivered[0].reply.envelope_id]
    assert events[0]["tags"]["attempt"] == 2
    assert events[0]["exception"]["values"][-1]["type"] == "ValueError"
    assert WORDS.encode() not in b"".join(receiver.bodies)


def test_without_addresses_nothing_of_either_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from okos.settings import load_settings; from okos.broker import build_broker;"
        "build_broker(load_settings());"
        # The Redis client imports a part of OpenTelemetry by itself where it finds it.
        "lazy = {'okos.middleware.tracing', 'okos.middleware.reporting', 'opentelemetry.exporter', 'sentry_sdk'};"
        "print(sorted(lazy & {*sys.modules}))"
    )
    environment = an_environment(tmp_path, OKOS_REDIS_URL="redis://127.0.0.1:1/0")

    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, check=True)

    assert run.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    ("module", "variable", "value", "extra"),
    [
        ("opentelemetry", "OKOS_TRACING__ENDPOINT", "http://127.0.0.1:1/v1/traces", "okos[otel]"),
        ("sentry_sdk", "OKOS_SENTRY__DSN", "http://public@127.0.0.1:1/7", "okos[sentry]"),
    ],
)
def test_a_worker_that_lacks_an_extra_says_which(
    tmp_path: Path, module: str, variable: str, value: str, extra: str
) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import okos.actors"
    environment = an_environment(tmp_path, OKOS_REDIS_URL="redis://127.0.0.1:1/0", **{variable: value})

    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, check=False
    )

    assert run.returncode == 1
    assert extra in run.stderr.decode()
    assert run.stderr.count(b"\n") == 1


def test_a_crash_is_reported_without_the_words_of_its_error(receiver: Receiver, tmp_path: Path) -> None:
    code = (
        "from okos.settings import load_settings; from okos.middleware.telemetry import report_crashes;"
        f"report_crashes(load_settings()); words = {WORDS!r}; raise LookupError(words)"
    )

    subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=an_environment(tmp_path, OKOS_SENTRY__DSN=receiver.dsn),
        capture_output=True,
        check=False,
    )

    sent = b"".join(receiver.bodies)
    assert b'"LookupError"' in sent
    assert WORDS.encode() not in sent


def _failing(directory: Path) -> dict[str, str]:
    """Write a package of handlers that fail."""
    package = directory / "failing_handlers"
    package.mkdir()
    (package / "__init__.py").write_text(FAILS, encoding="utf-8")
    return {"OKOS_HANDLERS": "failing_handlers", "PYTHONPATH": str(directory)}


def _attributes(span: Span) -> dict[str, str | int]:
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }

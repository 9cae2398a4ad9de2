"""Voice messages, from the sound to the transcript: a real HTTP server of a model for speech."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from model_server import ModelServer, a_model_server, refuses, returns

from okos.model import UNHEARD, ModelBusy, ModelRefused, ModelTold, OfflineResponder
from okos.model.chat import UNCLEAR, ChatModel

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with a_model_server() as server:
        yield server


def transcript(server: ModelServer, *, speech: str | None = "whisper-1", timeout_ms: int = 60_000) -> str:
    async def ask() -> str:
        model = ChatModel(
            base_url=server.url,
            api_key="sk-1",
            name="tiny",
            stream=True,
            speech=speech,
            timeout_ms=timeout_ms,
            first_piece_timeout_ms=60_000,
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(model.aclose)
            return await model.transcribe(b"OggS and more", file_name="voice.ogg")

    return asyncio.run(ask())


def test_what_is_said_is_written_down(server: ModelServer) -> None:
    server.behave(returns('{"text": " Hello there. "}'))

    assert transcript(server) == "Hello there."

    [sent] = server.sounds
    for part in (b'name="model"\r\n\r\nwhisper-1', b'filename="voice.ogg"', b"OggS and more"):
        assert part in sent


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (refuses(429), ModelBusy),
        (refuses(503), ModelBusy),
        (returns("[]"), ModelBusy),
        (refuses(401), ModelRefused),
        (refuses(404), ModelRefused),
        (returns("no JSON"), ModelBusy),
    ],
)
def test_each_failure_is_sorted_by_what_to_do_next(server: ModelServer, behaviour: Any, error: type[Exception]) -> None:
    server.behave(behaviour)

    with pytest.raises(error):
        transcript(server)


@pytest.mark.parametrize("behaviour", [refuses(400, "Invalid file format."), returns('{"text": " "}')])
def test_sound_without_words_is_told_to_its_sender(server: ModelServer, behaviour: Any) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelTold) as problem:
        transcript(server)

    assert problem.value.told == UNCLEAR


def test_without_a_model_for_speech_nothing_is_asked(server: ModelServer) -> None:
    with pytest.raises(ModelTold) as problem:
        transcript(server, speech=None)

    assert problem.value.told == UNHEARD
    assert server.sounds == []


def test_the_offline_responder_cannot_hear() -> None:
    with pytest.raises(ModelTold) as problem:
        asyncio.run(OfflineResponder().transcribe(b"OggS", file_name="voice.ogg"))

    assert problem.value.told == UNHEARD

"""The model's client against a real server: what an answer is, and what each failure means."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from model_server import (
    Behaviour,
    ModelServer,
    a_model_server,
    chunk,
    refuses,
    returns,
    says,
    sends,
    stalls_after,
)
from PIL import Image

from okos.model import Conversation, ModelBusy, ModelRefused, ModelTold, Photo, Said
from okos.model.chat import ChatModel

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_MS = 60_000
OTHER_KEY = "tiny-" + "secret"
QUESTION = Said(role="user", text="What is it?")
CONVERSATION = Conversation(system="Be brief.", latest=QUESTION)


@pytest.fixture(scope="module")
def the_server() -> Iterator[ModelServer]:
    with a_model_server() as server:
        yield server


@pytest.fixture
def server(the_server: ModelServer) -> ModelServer:
    the_server.behave(says("Hello"))
    for seen in (the_server.requests, the_server.keys, the_server.connections):
        seen.clear()
    the_server.hung_up.clear()
    return the_server


def a_model(url: str, **changes: Any) -> ChatModel:  # Any: whatever argument a test is about
    settings: dict[str, Any] = {"api_key": "sk-test", "name": "tiny", "stream": True}
    limits = {"timeout_ms": LONG_MS, "first_piece_timeout_ms": LONG_MS}
    return ChatModel(base_url=url, **settings | limits | changes)


def ask(model: ChatModel, conversation: Conversation = CONVERSATION) -> list[str]:
    async def asked() -> list[str]:
        try:
            async with contextlib.aclosing(model.stream(conversation)) as answer:
                return [piece async for piece in answer]
        finally:
            await model.aclose()

    return asyncio.run(asked())


def a_photo(size: tuple[int, int] = (8, 8), kind: str = "PNG") -> Photo:
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, kind)
    return Photo(content=content.getvalue(), file_name="red.png")


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_comes_whole(server: ModelServer, stream: bool) -> None:  # noqa: FBT001
    server.behave(says("Hel", "lo"))

    assert "".join(ask(a_model(server.url, stream=stream))) == "Hello"
    assert server.requests[0]["model"] == "tiny"
    assert server.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?"},
    ]


def test_an_answer_comes_in_the_pieces_that_the_model_writes(server: ModelServer) -> None:
    server.behave(says("Hel", "lo"))

    assert ask(a_model(server.url)) == ["Hel", "lo"]


def test_tokens_are_told_once_an_answer(server: ModelServer) -> None:
    told: list[tuple[int, int]] = []
    server.behave(says("Hel", "lo"))

    ask(a_model(server.url, on_usage=lambda prompt, completion: told.append((prompt, completion))))

    assert told == [(1, 2)]
    assert "stream_options" not in server.requests[0]


def test_what_was_said_before_goes_along(server: ModelServer) -> None:
    earlier = (Said(role="user", text="I am Ada."), Said(role="assistant", text="Hello Ada."))

    ask(a_model(server.url), Conversation(system="", earlier=earlier, latest=QUESTION))

    said = [(message["role"], message["content"]) for message in server.requests[0]["messages"]]
    assert said == [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "What is it?")]


def test_a_photo_goes_as_an_image_part(server: ModelServer) -> None:
    latest = Said(role="user", text="What is it?", photos=(a_photo(),))

    ask(a_model(server.url), Conversation(system="", latest=latest))

    text, image = server.requests[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_a_photo_that_was_looked_at_when_its_event_loop_broke_keeps_no_other_back(server: ModelServer) -> None:
    model = a_model(server.url)
    conversation = Conversation(system="", latest=Said(role="user", text="What is it?", photos=(a_photo(),)))
    broken = asyncio.new_event_loop()
    left = broken.create_task(anext(model.stream(conversation)))
    broken.call_soon(broken.stop)
    broken.run_forever()  # one turn: the photo is being decoded, and nobody hears of it any more

    async def ask_anew() -> list[str]:
        async with asyncio.timeout(LONG_MS / 1000):
            return [piece async for piece in model.stream(conversation)]

    assert "".join(asyncio.run(ask_anew())) == "Hello"
    left.cancel()
    broken.run_until_complete(asyncio.gather(left, return_exceptions=True))
    broken.run_until_complete(broken.shutdown_default_executor())
    broken.close()


def test_what_is_no_photo_is_told_without_asking(server: ModelServer) -> None:
    latest = Said(role="user", text="", photos=(Photo(content=b"hello", file_name="cat.jpg"),))

    with pytest.raises(ModelTold) as told:
        ask(a_model(server.url), Conversation(system="", latest=latest))

    assert "plain text" in told.value.told
    assert not server.requests


def test_the_key_goes_along_and_a_server_without_one_is_asked_with_a_dummy(server: ModelServer) -> None:
    ask(a_model(server.url))
    ask(a_model(server.url, api_key=None))

    assert server.keys == ["Bearer sk-test", "Bearer no-key"]


def test_half_characters_are_mended_before_they_are_sent(server: ModelServer) -> None:
    ask(a_model(server.url), Conversation(system="", latest=Said(role="user", text="\ud83d\ude42 \ud83d")))

    assert server.requests[0]["messages"][0]["content"] == "🙂 �"


def test_a_connection_is_used_again_for_the_next_answer(server: ModelServer) -> None:
    async def asked_twice() -> None:
        model = a_model(server.url)
        for _ in range(2):
            async for _piece in model.stream(CONVERSATION):
                pass
        await model.aclose()

    asyncio.run(asked_twice())

    assert len(server.requests) == 2
    assert len(server.connections) == 1


def test_a_server_that_is_asked_once_is_asked_once_whatever_it_answers(server: ModelServer) -> None:
    server.behave(refuses(500))

    with pytest.raises(ModelBusy):
        ask(a_model(server.url))

    assert len(server.requests) == 1


BUSY = {
    "429": refuses(429),
    "500": refuses(500),
    "503 in plain text": returns("upstream timed out"),
    "a stream that ends without a finish reason": says("Hel", finish=None),
    "an empty stream": sends(),
    "an empty answer": says(""),
    "a chunk that is cut off": sends(json.dumps(chunk({"content": "Hel"})), '{"choices": [{"del'),
    "a chunk of another shape": sends('{"choices": "many"}'),
    "a chunk that is no object": sends('"Hello"'),
    "an error in the middle": sends(json.dumps(chunk({"content": "Hel"})), '{"error": {"message": "overloaded"}}'),
}


@pytest.mark.parametrize("behaviour", BUSY.values(), ids=BUSY)
def test_what_may_pass_is_to_be_retried(server: ModelServer, behaviour: Behaviour) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelBusy):
        ask(a_model(server.url))


@pytest.mark.parametrize("behaviour", [returns("{}"), returns("[]"), returns('{"choices": []}'), refuses(500)])
def test_without_streaming_what_is_no_answer_is_to_be_retried(server: ModelServer, behaviour: Behaviour) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelBusy):
        ask(a_model(server.url, stream=False))


@pytest.mark.parametrize(
    ("headers", "retry_after_ms"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7_000),
        ({"retry-after-ms": "250", "retry-after": "1"}, 250),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, "far"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_says_how_long_to_leave_it_alone(
    server: ModelServer, status: int, headers: dict[str, str], retry_after_ms: int | str | None
) -> None:
    server.behave(refuses(status, headers=headers))

    with pytest.raises(ModelBusy) as busy:
        ask(a_model(server.url))

    if retry_after_ms == "far":
        assert (busy.value.retry_after_ms or 0) > 1_000_000
    else:
        assert busy.value.retry_after_ms == retry_after_ms


def test_a_stall_before_the_first_piece_is_to_be_retried(server: ModelServer) -> None:
    server.behave(stalls_after())

    with pytest.raises(ModelBusy, match="silent"):
        ask(a_model(server.url, first_piece_timeout_ms=50))


def test_a_stall_in_the_middle_is_to_be_retried(server: ModelServer) -> None:
    server.behave(stalls_after("Hel"))

    with pytest.raises(ModelBusy, match="silent"):
        ask(a_model(server.url, timeout_ms=50))


def test_a_refused_connection_is_to_be_retried() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(ModelBusy, match=r"model\.base_url"):
            ask(a_model(f"http://127.0.0.1:{port}/v1"))


REFUSED = {
    "a wrong key": refuses(401, "Incorrect API key provided: sk-abcdefgh12345678."),
    "a wrong key of another form": refuses(401, f"No such key: {OTHER_KEY}"),
    "a key without rights": refuses(403),
    "an unknown model": refuses(404, "The model `tiny` does not exist", code="model_not_found"),
    "an unknown parameter": refuses(400, "Unrecognized request argument"),
    "no quota": refuses(429, "You exceeded your current quota", code="insufficient_quota"),
}


@pytest.mark.parametrize("behaviour", REFUSED.values(), ids=REFUSED)
def test_what_no_retry_helps_is_given_up(server: ModelServer, behaviour: Behaviour) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelRefused) as refused:
        ask(a_model(server.url, api_key=OTHER_KEY))

    kept = "".join(traceback.format_exception(refused.value))
    assert "sk-abcdefgh" not in kept
    assert OTHER_KEY not in kept


TOLD = {
    "too long, by its code": (refuses(400, code="context_length_exceeded"), "shorter"),
    "too long, in prose": (refuses(400, "This model's maximum context length is 4096 tokens."), "shorter"),
    "too large": (refuses(413), "shorter"),
    "filtered, by its code": (refuses(400, code="content_filter"), "another way"),
    "filtered, in prose": (refuses(403, "Your input was flagged as harmful"), "another way"),
    "filtered in the middle": (says("How to", finish="content_filter"), "another way"),
}


@pytest.mark.parametrize(("behaviour", "words"), TOLD.values(), ids=TOLD)
def test_what_is_about_the_message_itself_is_told(server: ModelServer, behaviour: Behaviour, words: str) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelTold) as told:
        ask(a_model(server.url))

    assert words in told.value.told


@pytest.mark.parametrize(
    "behaviour",
    [
        refuses(400, "Invalid content type. image_url is only supported by certain models."),
        refuses(404, "No endpoints found that support image input"),
        refuses(500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_a_model_that_cannot_see_is_told_only_when_there_is_a_photo(server: ModelServer, behaviour: Behaviour) -> None:
    server.behave(behaviour)

    with pytest.raises(ModelTold, match="photo"):
        ask(a_model(server.url), Conversation(system="", latest=Said(role="user", text="", photos=(a_photo(),))))
    with pytest.raises((ModelBusy, ModelRefused)):
        ask(a_model(server.url))


def test_what_was_said_long_ago_is_left_out_when_the_model_cannot_read_it_all(server: ModelServer) -> None:
    turns = [(Said(role="user", text=f"q{n}"), Said(role="assistant", text=f"a{n}")) for n in range(3)]
    earlier = tuple(said for turn in turns for said in turn)
    server.behave(refuses(400, code="context_length_exceeded"), says("Hello"))

    assert ask(a_model(server.url), Conversation(system="", earlier=earlier, latest=QUESTION)) == ["Hello"]
    assert [message["content"] for message in server.requests[1]["messages"]] == ["q2", "a2", "What is it?"]


def test_an_answer_that_the_length_limit_cut_says_so(server: ModelServer) -> None:
    server.behave(says("Once upon", finish="length"))

    assert "stopped here" in "".join(ask(a_model(server.url)))


def test_a_null_delta_at_the_end_is_no_failure(server: ModelServer) -> None:
    server.behave(sends(json.dumps(chunk({"content": "Hello"})), json.dumps(chunk(None, "stop"))))

    assert ask(a_model(server.url)) == ["Hello"]


def test_closing_an_answer_hangs_up_on_the_server(server: ModelServer) -> None:
    server.behave(stalls_after("Hel"))

    async def asked() -> None:
        model = a_model(server.url)
        answer = model.stream(CONVERSATION)
        assert await anext(answer) == "Hel"
        await answer.aclose()

    asyncio.run(asked())

    assert server.hung_up.wait(60)


def test_cancelling_an_answer_hangs_up_on_the_server(server: ModelServer) -> None:
    server.behave(stalls_after("Hel"))

    async def asked() -> None:
        heard = asyncio.Event()

        async def listen() -> None:
            async with contextlib.aclosing(a_model(server.url).stream(CONVERSATION)) as answer:
                async for _ in answer:
                    heard.set()

        listening = asyncio.create_task(listen())
        await heard.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening

    asyncio.run(asked())

    assert server.hung_up.wait(60)

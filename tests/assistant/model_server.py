"""A server on the loopback that speaks `chat.completions` of the OpenAI API, and fails as it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

# Any: a request as JSON.
type_body = Mapping[str, Any]
Behaviour = Callable[["ModelServer", type_body], Awaitable[Response]]


@dataclass
class ModelServer:
    """What was asked, and how to behave: one behaviour a request, the last one for all that follow."""

    url: str = ""
    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[type_body] = field(default_factory=list)
    sounds: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def behave(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)

    async def answer(self, request: Request) -> Response:
        if request.url.path.endswith("/transcriptions"):
            body: type_body = {}
            self.sounds.append(await request.body())
        else:
            body = await request.json()
            self.requests.append(body)
        self.keys.append(request.headers["authorization"])
        self.connections.add(request.client)
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        return await behaviour(self, body)


@contextlib.contextmanager
def a_model_server() -> Iterator[ModelServer]:
    model = ModelServer(behaviours=[says("Hello")])
    paths = ("/v1/chat/completions", "/v1/audio/transcriptions")
    app = Starlette(routes=[Route(path, model.answer, methods=["POST"]) for path in paths])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", timeout_keep_alive=600)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(6000):
        if server.started:
            break
        thread.join(0.01)
    assert server.started, "the server did not start within a minute"
    port = server.servers[0].sockets[0].getsockname()[1]
    model.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield model
    finally:
        server.should_exit = True
        # What stalls on purpose would hold the exit up.
        server.force_exit = True
        thread.join(30)


def says(*pieces: str, finish: str | None = "stop", with_usage: bool = True) -> Behaviour:
    """Answer with these pieces, streaming or not, as the request wants it."""

    async def behave(_server: ModelServer, body: type_body) -> Response:
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(pieces)}
            return JSONResponse({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}]})
        chunks = [
            chunk({"role": "assistant", "content": ""}),
            *(chunk({"content": piece}) for piece in pieces),
        ]
        if finish is not None:
            chunks.append(chunk({}, finish))
        if with_usage:
            chunks.append({"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
        return _events([*(json.dumps(part) for part in chunks), *(["[DONE]"] if finish else [])])

    return behave


def refuses(
    status: int, message: str = "no", *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Behaviour:
    async def behave(_server: ModelServer, _body: type_body) -> Response:
        error = {"message": message, "type": "an_error", "param": None, "code": code}
        return JSONResponse({"error": error}, status, headers)

    return behave


def sends(*events: str) -> Behaviour:
    """Stream these events as they are, whatever they hold."""

    async def behave(_server: ModelServer, _body: type_body) -> Response:
        return _events(events)

    return behave


def returns(content: str) -> Behaviour:
    async def behave(_server: ModelServer, _body: type_body) -> Response:
        return Response(content, media_type="application/json")

    return behave


def stalls_after(*pieces: str) -> Behaviour:
    """Stream these pieces, then nothing, with the connection open until the client hangs up."""

    async def behave(server: ModelServer, _body: type_body) -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                for piece in pieces:
                    yield _event(json.dumps(chunk({"content": piece})))
                await asyncio.Event().wait()
            finally:
                server.hung_up.set()

        return StreamingResponse(events(), media_type="text/event-stream")

    return behave


# Any: JSON.
def chunk(delta: Mapping[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def _events(events: list[str] | tuple[str, ...]) -> Response:
    async def body() -> AsyncIterator[str]:
        for event in events:
            yield _event(event)

    return StreamingResponse(body(), media_type="text/event-stream")


def _event(content: str) -> str:
    return f"data: {content}\n\n"

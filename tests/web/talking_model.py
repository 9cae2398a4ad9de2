"""A model on the loopback that answers as one would, at the pace of one, and fails when the text says so."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from real_server import eventually
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

ANSWERS = {
    "is this the coast": "It may well be: steep walls, still water, low sun. A fjord on an evening in late summer.",
    "coast": "About 2,650 km as the crow flies, and more than 100,000 km with every fjord and island.",
    "haiku": "Letters wait in line,\neach behind the one before.\nNobody is lost.",
    "mailbox": "In Finnish it is postilaatikko: posti, mail, and laatikko, box.",
    "peru": "Lima. Since 1535, when it was called the City of Kings.",
    "morning": "Good morning! I am. What can I do for you?",
    "story": (
        "Once there was a letter carrier who served a street of a thousand doors. Each door had a box, and each box "
        "had its order: the oldest letter first, the next one only when it had been answered. One day a storm took the "
        "carrier away in the middle of the street. The next one came, looked into the boxes, and went on with the very "
        "letter that had been open. Nobody on the street ever noticed."
    ),
    "thank": "You are welcome. I am here when you need me.",
}
A_PHOTO = "I see it: a red square, quite alone."
ANYTHING = "I have read that, and here is what I think: it depends on what you want to do with it."


@dataclass
class TalkingModel:
    """Where it is, and what lets the answers go on that wait to be told."""

    url: str = ""
    go_on: threading.Event = field(default_factory=threading.Event)


async def complete(request: Request) -> Response:
    """Answer the last message: `refuse`, `fail`, `quota`, `hang` and `wait` (until it may go on) in it do so."""
    body = await request.json()
    said = body["messages"][-1]["content"]
    is_photo = not isinstance(said, str) and any("image_url" in part for part in said)
    text = (said if isinstance(said, str) else " ".join(part.get("text", "") for part in said)).lower()
    if "refuse" in text:
        return _error(400, "this model does not take images larger than 8 megapixels")
    if "fail" in text:
        return _error(500, "upstream timed out after 30 s")
    if "quota" in text:
        return _error(429, "the quota of this month is used up", code="insufficient_quota")
    otherwise = A_PHOTO if is_photo else ANYTHING
    answer = next((answer for word, answer in ANSWERS.items() if word in text), otherwise)
    goes_on = request.app.state.model.go_on if "wait" in text else None
    return StreamingResponse(_pieces(answer, hangs="hang" in text, goes_on=goes_on), media_type="text/event-stream")


@contextmanager
def a_model() -> Iterator[TalkingModel]:
    """Run it for the length of a block."""
    model = TalkingModel()
    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    app.state.model = model
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started)
        model.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
        yield model
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)


async def _pieces(answer: str, *, hangs: bool, goes_on: threading.Event | None) -> AsyncIterator[str]:
    yield _event({"role": "assistant", "content": ""})
    for word in answer.split(" "):
        yield _event({"content": f"{word} "})
        await asyncio.sleep(0.02)
        if hangs:
            await asyncio.Event().wait()
        while goes_on is not None and not goes_on.is_set():  # noqa: ASYNC110 - it is told by another thread
            await asyncio.sleep(0.01)
    yield _event({}, "stop")
    usage = {"prompt_tokens": 40, "completion_tokens": len(answer.split())}
    yield f"data: {json.dumps({'id': 'c', 'choices': [], 'usage': usage})}\n\n"
    yield "data: [DONE]\n\n"


def _event(delta: dict[str, Any], finish: str | None = None) -> str:  # Any: JSON
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def _error(status: int, message: str, code: str | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": "an_error", "param": None, "code": code}}, status)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from doubles import SaysModel, an_envelope

from okos.assistant import Turn
from okos.assistant.preview import Preview
from okos.assistant.prompt import conversation
from okos.assistant.turn import MAX_REPLY_CHARS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class Shown:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def show(self, pieces: Sequence[str]) -> None:
        self.texts.append("".join(pieces))


def a_turn(model: SaysModel | None = None, preview: Shown | None = None) -> Turn:
    envelope = an_envelope()
    asked = conversation(envelope, system="")
    return Turn(envelope=envelope, model=model or SaysModel(), conversation=asked, preview=preview)


def test_a_handler_can_reply_with_a_text() -> None:
    turn = a_turn()

    asyncio.run(turn.reply("hi"))

    assert turn.replies == ["hi"]


def test_a_handler_can_reply_with_what_the_model_streams() -> None:
    turn = a_turn(model=SaysModel(pieces=["Hel", "lo"]))

    asyncio.run(turn.reply(turn.model.stream(turn.conversation)))

    assert turn.replies == ["Hello"]


def test_a_handler_can_reply_more_than_once() -> None:
    turn = a_turn()

    async def handler(turn: Turn) -> None:
        await turn.reply("one")
        await turn.reply(turn.model.stream(turn.conversation))

    asyncio.run(handler(turn))

    assert turn.replies == ["one", "Hello"]


@pytest.mark.parametrize("answer", ["", " \n"])
def test_a_reply_without_a_visible_character_is_left_out(answer: str) -> None:
    turn = a_turn()

    asyncio.run(turn.reply(answer))

    assert turn.replies == []


def test_an_answer_is_shown_while_it_grows() -> None:
    shown = Shown()
    turn = a_turn(preview=shown)

    asyncio.run(turn.reply(turn.model.stream(turn.conversation)))

    assert shown.texts == ["Hel", "Hello"]


def test_an_answer_that_fails_is_closed_and_leaves_no_reply() -> None:
    model = SaysModel(error=RuntimeError("broken"))
    turn = a_turn(model=model)

    with pytest.raises(RuntimeError):
        asyncio.run(turn.reply(turn.model.stream(turn.conversation)))

    assert turn.replies == []
    assert model.closed == 1


def test_a_cancelled_answer_is_closed_and_leaves_no_reply() -> None:
    closed = asyncio.Event()
    turn = a_turn()

    async def endless(started: asyncio.Event) -> AsyncIterator[str]:
        try:
            yield "Hel"
            started.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def cancelled() -> None:
        started = asyncio.Event()
        replying = asyncio.create_task(turn.reply(endless(started)))
        await started.wait()
        replying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await replying

    asyncio.run(cancelled())

    assert closed.is_set()
    assert turn.replies == []


def test_an_answer_that_never_ends_is_cut_and_closed() -> None:
    closed = asyncio.Event()
    turn = a_turn()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "blah " * 100
        finally:
            closed.set()

    asyncio.run(turn.reply(endless()))

    assert closed.is_set()
    [text] = turn.replies
    assert isinstance(text, str)
    assert text.endswith("longer than any answer should be.)")
    assert len(text) < MAX_REPLY_CHARS + 100


def test_an_iterator_that_cannot_be_closed_will_do() -> None:
    class Pieces:
        def __init__(self) -> None:
            self.left = ["a", "b"]

        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    turn = a_turn()

    asyncio.run(turn.reply(Pieces()))

    assert turn.replies == ["ab"]


@pytest.mark.parametrize(
    ("times_ms", "sent"),
    [
        ([0, 0, 299], ["a"]),
        ([0, 299, 300], ["a", "abc"]),
        ([0, 300, 599], ["a", "ab"]),
        ([0, 300, 600], ["a", "ab", "abc"]),
        ([5_000], ["a"]),
    ],
)
def test_previews_keep_their_distance(times_ms: list[int], sent: list[str]) -> None:
    texts: list[str] = []
    now_ms = 0
    preview = Preview(texts.append, now_ms=lambda: now_ms, every_ms=300)

    pieces: list[str] = []
    for piece, now_ms in zip("abc", times_ms, strict=False):  # noqa: B007 - the preview reads it
        pieces.append(piece)
        preview.show(pieces)

    assert texts == sent

"""A handler is a function: give it a turn and look at what it replied. No server, no worker, no model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actors.text import answer
from okos.assistant import Turn, handles
from okos.envelope import Envelope
from okos.model import Conversation, Said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Parrot:
    """A model that says what it was told."""

    async def stream(self, conversation: Conversation) -> AsyncIterator[str]:
        for word in conversation.latest.text.split():
            yield f"{word}! "


def a_turn(text: str) -> Turn:
    envelope = Envelope(
        id="1", channel="local", chat="7", user="7", kind="text", text=text, sent_at_ms=0, reply_to="outbox.local.1"
    )
    return Turn(
        envelope=envelope,
        model=Parrot(),
        conversation=Conversation(system="", latest=Said(role="user", text=text)),
    )


def test_the_shipped_handler_replies_with_what_the_model_says() -> None:
    turn = a_turn("hello there")

    asyncio.run(answer(turn))

    assert turn.replies == ["hello! there! "]


def test_a_handler_of_ones_own_is_a_few_lines() -> None:
    @handles("text")
    async def shout(turn: Turn) -> None:
        await turn.reply(turn.text.upper())

    turn = a_turn("hello")

    asyncio.run(shout(turn))

    assert turn.replies == ["HELLO"]

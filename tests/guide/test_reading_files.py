"""Handlers that read what users send: the shipped ones for documents and voice messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from actors.document import read
from actors.voice import listen
from okos.assistant import Turn
from okos.assistant.file import File
from okos.envelope import Envelope
from okos.model import UNHEARD, Conversation, ModelTold, Said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Parrot:
    """A model that says what it is asked, and that hears what it is told to hear."""

    async def stream(self, conversation: Conversation) -> AsyncIterator[str]:
        yield conversation.latest.text

    async def transcribe(self, content: bytes, *, file_name: str) -> str:
        return f"{content.decode()}, heard in {file_name}"


def a_turn(kind: str, text: str, *files: File, ears: Parrot | None = None) -> Turn:
    envelope = Envelope(
        id="1", channel="local", chat="7", user="7", kind=kind, text=text, sent_at_ms=0, reply_to="outbox.local.1"
    )
    asked = Conversation(system="", latest=Said(role="user", text=text))
    return Turn(envelope=envelope, model=Parrot(), conversation=asked, files=files, ears=ears)


def test_a_document_is_read_to_the_model_below_the_question_about_it() -> None:
    turn = a_turn("document", "How many?", File(content=b"one, two", name="list.txt"))

    asyncio.run(read(turn))

    assert turn.replies == ["How many?\n\n[list.txt]\none, two"]


def test_a_voice_message_is_answered_as_if_it_had_been_written() -> None:
    turn = a_turn("voice", "", File(content=b"hello"), ears=Parrot())

    asyncio.run(listen(turn))

    assert turn.text == "hello, heard in voice.ogg"
    assert turn.replies == [turn.text]


def test_without_a_model_for_speech_the_user_is_told_and_the_operator_what_to_set() -> None:
    turn = a_turn("voice", "", File(content=b"hello"))

    with pytest.raises(ModelTold) as problem:
        asyncio.run(listen(turn))

    assert problem.value.told == UNHEARD
    assert "OKOS_MODEL__SPEECH" in UNHEARD

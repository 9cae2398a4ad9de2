from __future__ import annotations

import pytest
from doubles import an_envelope

from okos.assistant.memory import Remembered
from okos.assistant.prompt import conversation, in_words
from okos.envelope import Attachment
from okos.model import Photo, Said
from okos.model.wire import messages

PHOTO = Attachment(name="file:1", mime=None, file_name="cat.png", size_bytes=3)


def test_a_conversation_is_what_was_said_before_and_what_is_said_now() -> None:
    earlier = [Remembered(id="m0", user="I am Ada.", assistant="Hello Ada.")]

    asked = conversation(an_envelope(text="Who am I?"), system="Be brief.", earlier=earlier)

    assert asked.system == "Be brief."
    assert asked.earlier == (Said(role="user", text="I am Ada."), Said(role="assistant", text="Hello Ada."))
    assert asked.latest == Said(role="user", text="Who am I?")


def test_a_photo_is_part_of_what_is_said() -> None:
    asked = conversation(
        an_envelope(kind="photo", text="Who?", attachment=PHOTO),
        system="",
        photos=[Photo(content=b"abc", file_name="cat.png")],
    )

    assert asked.latest == Said(role="user", text="Who?", photos=(Photo(content=b"abc", file_name="cat.png"),))


def test_a_sticker_is_said_in_words() -> None:
    asked = conversation(an_envelope(kind="sticker", text="", emoji="🙂"), system="")

    assert asked.latest == Said(role="user", text="(a sticker: 🙂)", emoji="🙂")


@pytest.mark.parametrize(
    ("kind", "text", "emoji", "words"),
    [
        ("text", "hello", "", "hello"),
        ("photo", "Who?", "", "(a photo) Who?"),
        ("photo", "", "", "(a photo)"),
        ("sticker", "", "🙂", "(a sticker: 🙂)"),
        ("sticker", "", "", "(a sticker: without an emoji)"),
    ],
)
def test_a_message_is_remembered_in_words(kind: str, text: str, emoji: str, words: str) -> None:
    assert in_words(an_envelope(kind=kind, text=text, emoji=emoji)) == words


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_message_is_sent_to_a_model_without_content(text: str) -> None:
    asked = conversation(an_envelope(text=text), system="")

    assert messages(asked, []) == [{"role": "user", "content": "(an empty message)"}]

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from okos.model import Conversation, OfflineResponder, Photo, Said
from okos.model.offline import HOW_TO_CONNECT, emoji_name


def answer(latest: Said, *earlier: Said) -> list[str]:
    async def pieces() -> list[str]:
        conversation = Conversation(system="", earlier=earlier, latest=latest)
        return [piece async for piece in OfflineResponder(pause_ms=0).stream(conversation)]

    return asyncio.run(pieces())


def a_text(text: str) -> Said:
    return Said(role="user", text=text)


AN_EARLIER_TURN = (a_text("hi"), Said(role="assistant", text="hello"))


@pytest.mark.parametrize(
    "latest",
    [
        a_text("hello"),
        a_text(""),
        Said(role="user", text="", emoji="🙂"),
        Said(role="user", text="", photos=(Photo(content=b"no"),)),
    ],
)
def test_every_answer_begins_with_the_label(latest: Said) -> None:
    assert "".join(answer(latest)).startswith("[offline] I got ")


def test_an_answer_comes_in_pieces_and_always_the_same() -> None:
    pieces = answer(a_text("hello there"))

    assert len(pieces) > 3
    assert pieces == answer(a_text("hello there"))


def test_a_text_is_counted_and_echoed() -> None:
    assert "your text of 11 characters in 2 words: “hello there”." in "".join(answer(a_text("hello there")))
    assert "your text of 1 character in 1 word: “x”." in "".join(answer(a_text("x")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing in it"),
        ("  \n", "nothing in it"),
        ("a" * 2**20, "1,048,576 characters in 1 word: “aaa"),
        ("🙂" * 4096, "4,096 characters"),
        ("nul \0 and \ud83d", "“nul � and �”"),
        ("שלום \u202e\u200b", "“שלום"),
    ],
)
def test_odd_texts_get_a_short_answer_that_can_be_sent(text: str, words: str) -> None:
    whole = "".join(answer(a_text(text), *AN_EARLIER_TURN))

    assert words in whole
    assert len(whole) < 300
    assert whole.encode()


def test_a_photo_is_described_by_its_facts() -> None:
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "#e61414").save(content, "PNG")
    photo = Photo(content=content.getvalue(), file_name="red.png")

    whole = "".join(answer(Said(role="user", text="Look!", photos=(photo,))))

    assert f"red.png: PNG, 40 x 30 pixels, {len(photo.content)} bytes, mostly red (#e61414)." in whole
    assert "Its caption: “Look!”." in whole


def test_a_photo_that_was_looked_at_when_its_event_loop_broke_keeps_no_other_back() -> None:
    responder = OfflineResponder(pause_ms=0)
    latest = Said(role="user", text="", photos=(Photo(content=b"hello", file_name="cat.jpg"),))
    conversation = Conversation(system="", latest=latest)
    broken = asyncio.new_event_loop()
    left = broken.create_task(anext(responder.stream(conversation)))
    broken.call_soon(broken.stop)
    broken.run_forever()  # one turn: somebody looks at the photo, and nobody hears of it any more

    async def ask_anew() -> list[str]:
        async with asyncio.timeout(60):
            return [piece async for piece in responder.stream(conversation)]

    assert "your photo cat.jpg" in "".join(asyncio.run(ask_anew()))
    left.cancel()
    broken.run_until_complete(asyncio.gather(left, return_exceptions=True))
    broken.run_until_complete(broken.shutdown_default_executor())
    broken.close()


def test_what_is_no_photo_is_said_to_be_none() -> None:
    whole = "".join(answer(Said(role="user", text="", photos=(Photo(content=b"hello", file_name="cat.jpg"),))))

    assert "your photo cat.jpg, but: I could not read this as a photo: it is plain text, 5 bytes." in whole


@pytest.mark.parametrize(
    ("emoji", "name"),
    [
        ("🙂", "slightly smiling face"),
        ("❤️", "heavy black heart"),
        ("👩‍🚀", "woman + rocket"),
        ("", "an emoji without a name"),
    ],
)
def test_a_sticker_is_named(emoji: str, name: str) -> None:
    assert emoji_name(emoji) == name


def test_earlier_turns_are_counted_and_not_made_up() -> None:
    assert "remember" not in "".join(answer(a_text("and now?")))
    assert "I remember 1 earlier turn of this chat." in "".join(answer(a_text("and now?"), *AN_EARLIER_TURN))


@pytest.mark.parametrize(
    ("text", "earlier", "told"),
    [("hi", (), True), ("hi", AN_EARLIER_TURN, False), ("help", AN_EARLIER_TURN, True)],
)
def test_a_newcomer_and_who_asks_is_told_how_to_connect_a_model(
    text: str,
    earlier: tuple[Said, ...],
    told: bool,  # noqa: FBT001
) -> None:
    assert (HOW_TO_CONNECT in "".join(answer(a_text(text), *earlier))) is told

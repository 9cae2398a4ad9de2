from __future__ import annotations

import io

import pytest
from PIL import Image

from okos.demo.script import write_script


@pytest.mark.parametrize(("users", "messages"), [(1, 1), (8, 8), (30, 3), (2, 100)])
def test_every_user_has_a_name_and_says_as_much_as_was_asked_for(users: int, messages: int) -> None:
    parts = write_script(users=users, messages=messages)

    assert len({part.name for part in parts}) == users
    assert [sum(len(burst) for burst in part.bursts) for part in parts] == [messages] * users


def test_with_eight_messages_everybody_sends_texts_photos_stickers_and_bursts() -> None:
    for part in write_script(users=8, messages=8):
        assert {question.kind for burst in part.bursts for question in burst} == {"text", "photo", "sticker"}
        assert max(len(burst) for burst in part.bursts) >= 3


def test_the_photos_are_photos() -> None:
    photos = [
        question.photo
        for part in write_script(users=3, messages=8)
        for burst in part.bursts
        for question in burst
        if question.photo is not None
    ]

    for photo in photos:
        with Image.open(io.BytesIO(photo.content)) as image:
            assert image.get_format_mimetype() == photo.mime

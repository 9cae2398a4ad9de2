"""A file that a handler replies with is in the chat once, whole, with its caption and in its place."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import pytest
from attending import attending, file_keys, said
from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from datacentre.entities import utf16_units
from datacentre.samples import PHOTO, sticker_of
from delivering import a_gateway_process, fast_settings, free_lease, kill, to_chat, without_drafts
from gateway_running import a_gateway, ready, until, with_a_centre

from okos.telegram.upload import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from okos.assistant import Turn
    from okos.assistant.file import FileReply

SEND = "messages.SendMedia"
PART = "upload.SaveFilePart"
BIG_PART = "upload.SaveBigFilePart"

THREE_PARTS = bytes(range(256)) * (2 * PART_BYTES // 256) + b"the end"
# One page of Ogg that ends after three seconds.
VOICE = b"OggS\x00\x04" + struct.pack("<q", 3 * 48_000) + b"and so on"


async def reply_with_a_photo(turn: Turn) -> None:
    await turn.reply_file("photo", PHOTO, name="cat.jpg", caption=f"re: {turn.text}")


async def reply_with_three_parts(turn: Turn) -> None:
    await turn.reply_file("document", THREE_PARTS, name="report.txt", caption=f"re: {turn.text}")


async def reply_with_every_kind(turn: Turn) -> None:
    await turn.reply("first")
    await turn.reply_file("photo", PHOTO, caption="**a** cat")
    await turn.reply_file("sticker", sticker_of("webp"))
    await turn.reply_file("voice", VOICE, caption="listen")
    await turn.reply_file("document", b"%PDF-", name="notes.pdf", caption="read")
    await turn.reply("last")


@with_a_centre
async def test_each_kind_arrives_as_what_it_is_whole_and_in_its_place(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with attending(url, namespace, reply_with_every_kind):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice)[-1:] == ["last"])
            await until(lambda: not file_keys(url, namespace))
    first, photo, sticker, voice, document, last = said(dc, alice)
    assert (first.text, photo.text, sticker.text, voice.text, document.text, last.text) == (
        "first",
        "a cat",
        "",
        "listen",
        "read",
        "last",
    )
    assert [entity.kind for entity in photo.entities] == ["Bold"]
    contents = [dc.content(message) for message in (photo, sticker, voice, document)]
    assert contents == [PHOTO, sticker_of("webp"), VOICE, b"%PDF-"]
    about = [(one.media.kind, one.media.mime) for one in (photo, sticker, voice, document) if one.media]
    assert about == [
        ("photo", "image/jpeg"),
        ("sticker", "image/webp"),
        ("voice", "audio/ogg"),
        ("document", "application/pdf"),
    ]
    assert voice.media is not None
    assert voice.media.duration_s == 3
    assert document.media is not None
    assert document.media.file_name == "notes.pdf"
    assert len(dc.record.of("said")) == 6


@with_a_centre
async def test_a_large_file_arrives_whole(dc: DataCentre, url: str, namespace: str) -> None:
    alice, content = dc.add_user("Alice"), bytes(range(256)) * 45_000

    async def reply(turn: Turn) -> None:
        await turn.reply_file("document", content, name=f"{turn.text}.bin")

    with attending(url, namespace, reply):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "large")
            await dc.until(lambda: said(dc, alice))
    (message,) = said(dc, alice)
    assert dc.content(message) == content
    assert dc.record.counts()[BIG_PART] == 22
    assert dc.record.counts()[PART] == 0


@with_a_centre
async def test_what_is_too_long_for_a_caption_follows_as_a_text(dc: DataCentre, url: str, namespace: str) -> None:
    alice, words = dc.add_user("Alice"), "a word and 🎉 more. " * 100

    async def reply(turn: Turn) -> None:
        await turn.reply_file("photo", PHOTO, caption=words)
        await turn.reply_file("sticker", sticker_of("webp"), caption="a sticker has none")
        await turn.reply("last")

    with attending(url, namespace, reply):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice)[-1:] == ["last"])
            await until(lambda: not file_keys(url, namespace))
    photo, rest, sticker, *texts = said(dc, alice)
    assert photo.media is not None
    assert utf16_units(photo.text) <= 1024
    assert rest.media is None
    assert f"{photo.text} {rest.text}".split() == words.split()
    assert (sticker.text, [one.text for one in texts]) == ("", ["a sticker has none", "last"])


@with_a_centre
async def test_in_a_group_a_file_quotes_its_question_and_in_a_topic_it_stays_there(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    forum = dc.add_supergroup("Forum", [alice], forum=True)
    topic = dc.add_topic(forum, "Topic", alice)
    with attending(url, namespace, reply_with_a_photo):
        async with a_gateway(fast_settings(dc, url, namespace, groups="all")) as running:
            await ready(dc, running)
            asked = dc.says(group, "question 1.", by=alice)
            inside = dc.says(topic, "question 2.", by=alice)
            await dc.until(lambda: dc.answers(group) and dc.answers(forum))
    (answer,) = said(dc, group)
    assert (answer.reply_to, answer.topic, dc.content(answer)) == (asked.id, None, PHOTO)
    (answer,) = said(dc, forum)
    assert (answer.reply_to, answer.topic, dc.content(answer)) == (inside.id, topic.id, PHOTO)


@with_a_centre
async def test_a_file_behind_a_text_that_was_previewed_leaves_that_text_alone(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    without_drafts(dc)

    async def grows() -> AsyncIterator[str]:
        yield "It"
        # Until it is seen: what is refused as a draft is shown as a message with the next piece.
        while not dc.answers(alice):
            yield " is"
            await asyncio.sleep(0.05)
        yield " a cat."

    async def reply(turn: Turn) -> None:
        await turn.reply(grows())
        await turn.reply_file("photo", PHOTO)

    with attending(url, namespace, reply):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: len(said(dc, alice)) == 2)
    text, photo = said(dc, alice)
    assert (text.text[:5], text.text[-9:], text.media) == ("It is", "is a cat.", None)
    assert (photo.text, dc.content(photo)) == ("", PHOTO)


@with_a_centre
async def test_a_gateway_killed_during_an_upload_leaves_the_rest_of_it_to_the_next(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with attending(url, namespace, reply_with_three_parts) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            ignored = dc.ignore(PART, fits=lambda query: query.file_part == 2)
            dc.says(alice, "question 1.")
            await dc.until(lambda: ignored.met)
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: said(dc, alice))
            await until(lambda: not file_keys(url, namespace))
    assert dc.violations() == []
    assert dc.content(said(dc, alice)[0]) == THREE_PARTS
    assert dc.record.counts()[PART] == 4


@with_a_centre
async def test_a_gateway_killed_between_upload_and_send_uploads_nothing_again(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with attending(url, namespace, reply_with_three_parts) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            ignored = dc.ignore(SEND)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: ignored.met)
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: len(said(dc, alice)) == 2)
            await until(lambda: not file_keys(url, namespace))
    assert dc.violations() == []
    assert [dc.content(message) for message in said(dc, alice)] == [THREE_PARTS] * 2
    assert dc.record.counts()[PART] == 6


@with_a_centre
async def test_a_gateway_killed_between_send_and_settle_says_a_file_once(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with attending(url, namespace, reply_with_three_parts) as broker:
        with a_gateway_process(settings, tmp_path) as gateway:
            await ready(dc)
            dc.delay(SEND, 30_000, done=True)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: said(dc, alice))
            kill(gateway)
        free_lease(broker, dc)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: len(said(dc, alice)) == 2)
            await until(lambda: not file_keys(url, namespace))
    assert dc.violations() == []
    assert [len(dc.record.of(kind)) for kind in ("said", "repeated")] == [2, 1]


@pytest.mark.parametrize("cut", [True, False])
@with_a_centre
async def test_a_file_whose_answer_is_lost_is_said_once(dc: DataCentre, url: str, namespace: str, *, cut: bool) -> None:
    alice = dc.add_user("Alice")
    dc.lose_answer(SEND, cut=cut)
    with attending(url, namespace, reply_with_a_photo):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(said(dc, alice)) == 2)
            await until(lambda: not file_keys(url, namespace))
    assert dc.violations() == []
    assert [len(dc.record.of(kind)) for kind in ("said", "repeated")] == [2, 1]


@pytest.mark.parametrize("rpc", [PART, SEND])
@with_a_centre
async def test_a_line_that_breaks_costs_no_file(dc: DataCentre, url: str, namespace: str, rpc: str) -> None:
    alice = dc.add_user("Alice")
    with attending(url, namespace, reply_with_three_parts):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.drop(rpc)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(said(dc, alice)) == 2)
    assert dc.violations() == []
    assert [dc.content(message) for message in said(dc, alice)] == [THREE_PARTS] * 2


@pytest.mark.parametrize("rpc", [PART, SEND])
@with_a_centre
async def test_a_flood_wait_delays_a_file_in_its_chat_alone(dc: DataCentre, url: str, namespace: str, rpc: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")

    async def reply(turn: Turn) -> None:
        if turn.text == "question 1.":
            await reply_with_a_photo(turn)
        else:
            await turn.reply(f"re: {turn.text}")

    with attending(url, namespace, reply):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            refused = dc.fail(rpc, 420, "FLOOD_WAIT_600")
            dc.says(alice, "question 1.")
            await until(lambda: refused.met)
            dc.says(alice, "question 2.")
            dc.says(bob, "question 3.")
            await dc.until(lambda: dc.answers(bob))
            assert dc.answers(alice) == []


@pytest.mark.parametrize("rpc", [PART, SEND])
@with_a_centre
async def test_a_file_is_said_after_a_flood_wait_and_before_what_is_behind_it(
    dc: DataCentre, url: str, namespace: str, rpc: str
) -> None:
    alice = dc.add_user("Alice")

    async def reply(turn: Turn) -> None:
        if turn.text == "question 1.":
            await reply_with_a_photo(turn)
        else:
            await turn.reply(f"re: {turn.text}")

    with attending(url, namespace, reply) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.fail(rpc, 420, "FLOOD_WAIT_2")
            dc.says(alice, "question 1.")
            await until(lambda: dc.record.counts()[rpc])
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            assert broker.stats().retried == 0
            calls = [call.at_s for call in dc.record.calls if call.name == rpc]
            assert calls[1] - calls[0] >= 2
    assert dc.violations() == []


@pytest.mark.parametrize("name", ["PHOTO_INVALID_DIMENSIONS", "IMAGE_PROCESS_FAILED", "CHAT_SEND_PHOTOS_FORBIDDEN"])
@with_a_centre
async def test_a_photo_that_telegram_does_not_take_comes_as_a_document(
    dc: DataCentre, url: str, namespace: str, name: str
) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 400, name)
    with attending(url, namespace, reply_with_a_photo):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: said(dc, alice))
    (document,) = said(dc, alice)
    assert document.media is not None
    assert (document.media.kind, document.media.file_name, document.media.mime) == (
        "document",
        "cat.jpg",
        "image/jpeg",
    )
    assert (document.text, dc.content(document)) == ("re: question 1.", PHOTO)


@with_a_centre
async def test_a_file_that_telegram_takes_in_no_form_is_told_of(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    # Each form is refused in the turn of the first: the pace must not begin anew with it.
    refused = dc.fail(SEND, 400, "MEDIA_INVALID", times=None, fits=to_chat(alice))
    too_big = dc.fail(PART, 400, "FILE_PART_TOO_BIG", times=None)
    with attending(url, namespace, reply_with_a_photo):
        async with a_gateway(fast_settings(dc, url, namespace, per_chat_ms=300)) as running:
            await ready(dc, running)
            dc.says(bob, "question 2.")
            await dc.until(lambda: said(dc, bob))
            too_big.lift()
            dc.says(alice, "question 1.")
            await dc.until(lambda: said(dc, alice))
            await until(lambda: not file_keys(url, namespace))
    assert dc.answers(alice) == ["re: question 1.\n\n(cat.jpg should be here, but Telegram does not take it.)"]
    assert dc.answers(bob) == ["re: question 2.\n\n(cat.jpg should be here, but Telegram does not take it.)"]
    assert refused.met == 2


@with_a_centre
async def test_a_file_whose_name_has_half_a_character_is_told_of(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 400, "MEDIA_INVALID", times=None)

    async def reply(turn: Turn) -> None:
        await turn.reply_file("photo", PHOTO, name="half \ud83d.jpg")

    with attending(url, namespace, reply):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice))
    assert dc.answers(alice) == ["(half ?.jpg should be here, but Telegram does not take it.)"]


@with_a_centre
async def test_parts_that_telegram_has_no_longer_are_uploaded_again(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 400, "FILE_PART_0_MISSING")
    with attending(url, namespace, reply_with_three_parts):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: said(dc, alice))
    (document,) = said(dc, alice)
    assert dc.content(document) == THREE_PARTS
    assert dc.record.counts()[PART] == 6


@with_a_centre
async def test_a_file_for_somebody_who_blocks_the_bot_is_given_up_and_kept_no_longer(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with attending(url, namespace, reply_with_a_photo) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.blocks(alice)
            dc.says(alice, "question 1.")
            await until(lambda: broker.stats().dead == 1)
            (letter,) = broker.failed()
            assert "USER_IS_BLOCKED" in letter.error
            assert file_keys(url, namespace) == []


@with_a_centre
async def test_a_file_that_is_no_longer_kept_is_told_of(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 420, "FLOOD_WAIT_1")
    with attending(url, namespace, reply_with_a_photo) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await until(lambda: dc.record.counts()[SEND])
            (name,) = (key.partition(":store:s:")[2] for key in file_keys(url, namespace) if ":reply:" in key)
            broker.delete(name)
            await dc.until(lambda: dc.answers(alice))
            await until(lambda: not file_keys(url, namespace))
    assert dc.answers(alice) == [
        "re: question 1.\n\n(cat.jpg should be here, but could not be delivered in time, and I no longer have it.)"
    ]


@with_a_centre
async def test_a_turn_that_fails_leaves_no_file(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    attempts: list[list[str | FileReply]] = []

    async def fail_once(turn: Turn) -> None:
        await reply_with_a_photo(turn)
        attempts.append(turn.replies)
        if len(attempts) == 1:
            raise RuntimeError

    with attending(url, namespace, fail_once):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: said(dc, alice))
            await until(lambda: not file_keys(url, namespace))
    assert len(attempts) == 2
    assert len(dc.record.of("said")) == 1

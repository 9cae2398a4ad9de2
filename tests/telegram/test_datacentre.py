"""The data centre, as the library's own client sees it over TCP: what people send, and what a bot says."""

import io
import os
from typing import Any

import pyrogram
import pytest
from datacentre import DataCentre, a_bot, a_listener, with_a_centre
from datacentre.samples import PHOTO
from pyrogram import enums, raw, types
from pyrogram.errors import RPCError
from pyrogram.handlers import CallbackQueryHandler


@with_a_centre
async def test_a_bot_signs_in_hears_and_answers(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, heard):
        dc.says(alice, "how do you do?")
        message = await heard.get()
        await client.send_message(message.chat.id, "how do you do? Well.")
        assert message.from_user.id == alice.id
    assert dc.answers(alice) == ["how do you do? Well."]
    assert dc.violations() == []


@with_a_centre
async def test_formatting_comes_and_goes(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, heard):
        dc.says(alice, "🎉 /start now")
        command = (await heard.get()).entities[0]
        await client.send_message(alice.id, "🎉 **bold**", parse_mode=enums.ParseMode.MARKDOWN)
    assert (command.type, command.offset, command.length) == (enums.MessageEntityType.BOT_COMMAND, 3, 6)
    [bold] = dc.visible(alice)[-1].entities
    assert (bold.kind, bold.offset, bold.length) == ("Bold", 3, 4)


@with_a_centre
async def test_groups_and_channels_have_their_own_numbers(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    group, supergroup = dc.add_group("G", [alice]), dc.add_supergroup("S", [alice])
    channel = dc.add_channel("C")
    async with a_bot(dc) as (client, heard):
        for chat in (group, supergroup):
            dc.says(chat, "hello", by=alice)
            message = await heard.get()
            assert (message.chat.id, message.from_user.id) == (chat.peer.chat_id, alice.id)
            await client.send_message(message.chat.id, "hello, too", reply_to_message_id=message.id)
        dc.says(channel, "news")
        post = await heard.get()
        await client.send_message(post.chat.id, "more news")
    assert post.from_user is None
    assert dc.answers(channel) == ["more news"]
    assert dc.violations(chats=[group, supergroup]) == []
    # a basic group shares the ids of private chats; a supergroup has its own
    assert [m.id for m in dc.visible(supergroup)] == [1, 2]
    assert dc.says(alice, "in private").id == 3


@with_a_centre
async def test_a_topic_keeps_its_own_messages(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    forum = dc.add_supergroup("F", [alice], forum=True)
    async with a_bot(dc) as (client, heard):
        topic = dc.add_topic(forum, "T", by=alice)
        await heard.get()
        dc.says(topic, "in the topic", by=alice)
        dc.says(forum, "outside", by=alice)
        inside = await heard.get()
        await client.send_message(inside.chat.id, "answer in the topic", reply_to_message_id=inside.id)
    assert dc.answers(topic) == ["answer in the topic"]
    assert [m.text for m in dc.visible(topic)] == ["", "in the topic", "answer in the topic"]


@with_a_centre
async def test_a_photo_is_fetched_in_parts_from_the_data_centre_that_has_it(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    content = os.urandom(2_500_000)
    async with a_bot(dc) as (client, heard):
        for dc_id in (2, 4):
            dc.sends_photo(alice, content, "look", dc_id=dc_id)
            message = await heard.get()
            fetched = await client.download_media(message, in_memory=True)
            assert message.caption == "look"
            assert fetched.getvalue() == content
    counts = dc.record.counts()
    assert counts["upload.GetFile"] == 6
    assert counts["auth.ImportAuthorization"] == counts["auth.ExportAuthorization"] > 0


@with_a_centre
async def test_every_kind_of_sticker_and_file_arrives_whole(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, heard):
        for made_as, animated, video in (("webp", False, False), ("tgs", True, False), ("webm", False, True)):
            dc.sends_sticker(alice, "🙂", made_as=made_as)  # type: ignore[arg-type]  # one of the three
            sticker = (await heard.get()).sticker
            assert (sticker.emoji, sticker.is_animated, sticker.is_video) == ("🙂", animated, video)
        dc.sends_voice(alice, b"a voice", duration_s=7)
        voice = await heard.get()
        assert voice.voice.duration == 7
        assert (await client.download_media(voice, in_memory=True)).getvalue() == b"a voice"
        dc.sends_document(alice, b"a file", "notes.txt", "my notes")
        document = await heard.get()
        assert (document.document.file_name, document.caption) == ("notes.txt", "my notes")
        dc.sends_video(alice, kind="video")
        assert (await heard.get()).video
        dc.sends_video(alice, kind="animation")
        assert (await heard.get()).animation
        dc.sends_video(alice, kind="audio")
        assert (await heard.get()).audio
        for kind in ("place", "contact", "dice"):
            dc.sends_other(alice, kind)
        place, contact, dice = [await heard.get() for _ in range(3)]
        assert all((place.location, contact.contact, dice.dice))


@with_a_centre
async def test_an_album_comes_as_messages_of_one_group(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, heard):
        dc.sends_album(alice, [b"first", b"second"], "two of them")
        messages = [await heard.get() for _ in range(2)]
        assert messages[0].media_group_id == messages[1].media_group_id is not None
        assert {m.caption for m in messages} == {"two of them", None}
        await client.send_media_group(alice.id, [types.InputMediaPhoto(a_file("a.jpg")) for _ in range(2)])
    album = dc.visible(alice)[-2:]
    assert album[0].grouped_id == album[1].grouped_id is not None


@with_a_centre
async def test_a_bot_sends_photos_stickers_and_large_files(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, _):
        await client.send_photo(alice.id, a_file("a.jpg"), caption="mine")
        await client.send_sticker(alice.id, a_file("a.webp", b"RIFF"))
        await client.send_document(alice.id, a_file("a.bin", bytes(11_000_000)))
    photo, sticker, document = dc.visible(alice)
    assert (photo.media and photo.media.kind, photo.text) == ("photo", "mine")
    assert sticker.media
    assert dc.world.files[sticker.media.file_id] == b"RIFF"
    assert document.media
    assert document.media.size == 11_000_000
    assert dc.record.counts()["upload.SaveBigFilePart"] == 21


@with_a_centre
async def test_edits_and_deletions_go_both_ways(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, _):
        said = await client.send_message(alice.id, "a preview")
        await client.edit_message_text(alice.id, said.id, "the answer")
        shown = dc.visible(alice)[0]
        assert (shown.text, shown.earlier) == ("the answer", ["a preview"])
        await client.delete_messages(alice.id, said.id)
        assert dc.visible(alice) == []
        await client.send_chat_action(alice.id, enums.ChatAction.TYPING)
    assert [e.kind for e in dc.record.events if e.peer] == ["said", "edited", "deleted", "typing"]
    # said, edited, deleted: a step each
    assert dc.world.common.pts == 4


@with_a_centre
async def test_a_button_is_pressed_and_answered(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, _):

        async def press(_: Any, query: Any) -> None:
            await query.answer(f"{query.from_user.first_name} pressed {query.data}")

        client.add_handler(CallbackQueryHandler(press))
        button = types.InlineKeyboardButton("Yes", callback_data="yes")
        await client.send_message(alice.id, "Well?", reply_markup=types.InlineKeyboardMarkup([[button]]))
        dc.presses(dc.visible(alice)[0], b"yes", by=alice)
        await dc.until(lambda: dc.record.of("callback_answer", alice.peer))
    assert dc.record.of("callback_answer")[0].text == "Alice pressed yes"


@with_a_centre
async def test_the_menu_of_commands_is_noted_and_an_unknown_call_is_refused(dc: DataCentre) -> None:
    async with a_bot(dc) as (client, _):
        await client.set_bot_commands([types.BotCommand("help", "what I can do")])
        answer = await client.session.send(raw.functions.help.GetConfig())
        assert answer.this_dc == 2
        try:
            await client.invoke(raw.functions.help.GetInviteText())
        except Exception as error:  # noqa: BLE001 -- which class it is differs between the libraries
            assert "INPUT_METHOD_INVALID" in str(error)  # noqa: PT017
    assert dc.record.of("commands")[0].text == "/help what I can do"
    assert dc.record.of("unknown")[0].text == "help.GetInviteText"


@with_a_centre
async def test_a_client_of_another_layer_is_noted(dc: DataCentre) -> None:
    async with a_listener(dc) as client:
        assert dc.record.of("another_layer") == []
        await client.ask(raw.functions.InvokeWithLayer(layer=1, query=raw.functions.help.GetNearestDc()))
    assert dc.record.of("another_layer")[0].text.startswith("1, not ")


@with_a_centre
async def test_a_file_of_another_data_centre_or_of_an_old_reference_is_not_given(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:

        async def ask(photo: Any) -> str:
            location = raw.types.InputPhotoFileLocation(
                id=photo.id, access_hash=photo.access_hash, file_reference=photo.file_reference, thumb_size="y"
            )
            try:
                found = await bot.ask(raw.functions.upload.GetFile(location=location, offset=0, limit=1024 * 1024))
            except RPCError as error:
                return str(error)
            return str(found.bytes)

        dc.sends_photo(alice, b"far", dc_id=4)
        dc.sends_photo(alice, b"near")
        await dc.until(lambda: len(bot.came) == 2)
        far, near = [bundle.updates[0].message.media.photo for bundle in bot.came]
        assert "303 FILE_MIGRATE_X" in await ask(far)
        assert await ask(near) == str(b"near")
        dc.expire_files()
        assert "FILE_REFERENCE_EXPIRED" in await ask(near)
        again = await bot.ask(raw.functions.messages.GetMessages(id=[raw.types.InputMessageID(id=2)]))
        assert await ask(again.messages[0].media.photo) == str(b"near")


@pytest.mark.skipif(not hasattr(pyrogram.Client, "send_message_draft"), reason="this library has no drafts")
@with_a_centre
async def test_a_draft_is_noted(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_bot(dc) as (client, _):
        await client.send_message_draft(alice.id, 1, "so far")
    assert [e.text for e in dc.record.of("draft", alice.peer)] == ["so far"]


def a_file(name: str, content: bytes = PHOTO) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file

"""Every kind of message is published, with its files, which are there when its turn starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers

from okos.envelope import MOST_FILE_BYTES

if TYPE_CHECKING:
    from datacentre import DataCentre


@with_a_centre
async def test_every_kind_is_published_with_what_it_holds(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.sends_photo(alice, b"the photo", "look")
            dc.sends_sticker(alice, "😀", made_as="tgs")
            dc.sends_voice(alice, b"OggS and more")
            dc.sends_document(alice, b"a file", "notes.pdf", "read")
            await until(lambda: len(taken.envelopes) == 4)
    photo, sticker, voice, document = taken.envelopes
    assert [one.kind for one in taken.envelopes] == ["photo", "sticker", "voice", "document"]
    assert (photo.text, taken.contents[photo.id]) == ("look", [b"the photo"])
    assert (sticker.emoji, sticker.attachment) == ("😀", None)
    assert taken.contents[voice.id] == [b"OggS and more"]
    assert (document.text, document.attachment) == ("read", None), "nobody handles it, so it is not fetched"


@with_a_centre
async def test_a_file_is_fetched_from_where_it_is_and_with_a_fresh_reference(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    content = bytes(range(256)) * 12_000
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.delay("upload.GetFile", 200)
            dc.sends_photo(alice, content, dc_id=4)
            dc.says(alice, "and?")
            dc.expire_files()
            await until(lambda: len(taken.envelopes) == 2)
    assert [one.kind for one in taken.envelopes] == ["photo", "text"], "what is behind a file waits for it"
    assert taken.contents[taken.envelopes[0].id] == [content]


@with_a_centre
async def test_an_album_is_one_turn(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.sends_album(alice, [b"one", b"two", b"three"], "my holidays")
            dc.says(alice, "how do you like them?")
            await until(lambda: len(taken.envelopes) == 2)
    album, text = taken.envelopes
    assert (album.kind, album.text, len(album.attachments)) == ("photo", "my holidays", 3)
    assert taken.contents[album.id] == [b"one", b"two", b"three"]
    assert text.text == "how do you like them?"


@with_a_centre
async def test_a_file_that_is_too_large_is_not_fetched(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.sends_photo(alice, bytes(MOST_FILE_BYTES + 1), "all of it")
            dc.says(alice, "and?")
            await until(lambda: len(taken.envelopes) == 2)
    photo = taken.envelopes[0]
    assert photo.attachment is not None
    assert photo.attachment.size_bytes == MOST_FILE_BYTES + 1
    assert taken.contents[photo.id] == [None]
    assert dc.record.counts()["upload.GetFile"] == 0

"""Every kind of message is published, with its files, which are there when its turn starts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from attending import said
from datacentre.samples import sticker_of
from delivering import an_envelope
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from real_server import a_server
from redis import Redis

from okos.envelope import MOST_FILE_BYTES, Attachment, Envelope
from okos.intake import message_of
from okos.mailbox import Postpone
from okos.telegram.client import Client
from okos.telegram.download import AT_ONCE, HOLD_MS, Downloads, Wanted, download_message
from okos.telegram.inbox import Inbox
from okos.telegram.reading import File

if TYPE_CHECKING:
    from datacentre import DataCentre, User
    from gateway_running import Taken


def waiting_text(taken: Taken, user: User) -> str:
    """Tell the text of the first message that waits in the mailbox of a user."""
    (first, *_) = taken.broker.mailbox(f"telegram:{user.id}").messages
    detail = taken.broker.message(first.id)
    assert detail is not None
    assert detail.message is not None
    return Envelope.decode(detail.message.args[0]).text


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
    assert (sticker.emoji, taken.contents[sticker.id]) == ("😀", [sticker_of("tgs")])
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
async def test_a_line_for_files_that_is_refused_is_closed(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            refused = dc.fail("auth.ImportAuthorization", 400, "AUTH_BYTES_INVALID", times=2)
            dc.sends_photo(alice, b"the photo", dc_id=4)
            await until(lambda: taken.envelopes)
            # The bot's own, and one to each of the two data centres.
            await until(lambda: len(dc.connections) <= 3)
    assert refused.met == 2
    assert taken.contents[taken.envelopes[0].id] == [b"the photo"]


@with_a_centre
async def test_a_line_for_files_that_cannot_be_opened_is_left_alone_however_many_wait_for_it(
    dc: DataCentre, url: str, namespace: str
) -> None:
    people = [dc.add_user(f"User{number}") for number in range(AT_ONCE)]
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            refused = dc.fail("auth.ExportAuthorization", 400, "DC_ID_INVALID", times=None)
            for person in people:
                dc.sends_photo(person, b"the photo", dc_id=4)
            await until(lambda: len(taken.envelopes) == AT_ONCE)
            refused.lift()
            dc.sends_photo(people[0], b"another photo", dc_id=4)
            await until(lambda: len(taken.envelopes) == AT_ONCE + 1)
    *lost, fetched = (taken.contents[one.id] for one in taken.envelopes)
    assert lost == [[None]] * AT_ONCE
    assert fetched == [b"another photo"]
    # Five attempts at each file are thirty, and one of them all is enough.
    assert refused.met <= 10


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


@with_a_centre
async def test_a_photo_that_is_edited_while_it_is_fetched_is_answered_with_the_new_one(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            first = dc.hold("upload.GetFile")
            photo = dc.sends_photo(alice, b"one", "look")
            await until(lambda: first.met)
            second = dc.hold("upload.GetFile")
            photo.media = dc.store(b"two", kind="photo", mime="image/jpeg", dc_id=2, width=640, height=480)
            dc.edits(photo, "look again")
            await until(lambda: second.met)
            dc.let_go(first)
            # The turn and what fetches the other file.
            await until(lambda: taken.waiting() == 2)
            dc.let_go(second)
            await until(lambda: taken.envelopes)
            (envelope,) = taken.envelopes
    assert (envelope.text, taken.contents[envelope.id]) == ("look again", [b"two"])


@with_a_centre
async def test_words_that_are_edited_while_a_file_is_fetched_keep_the_file(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            first = dc.hold("upload.GetFile")
            photo = dc.sends_photo(alice, b"one", "look")
            await until(lambda: first.met)
            dc.edits(photo, "look again")
            await until(lambda: waiting_text(taken, alice) == "look again")
            dc.let_go(first)
            await until(lambda: taken.envelopes)
    (envelope,) = taken.envelopes
    assert (envelope.text, taken.contents[envelope.id]) == ("look again", [b"one"])
    assert dc.record.counts()["upload.GetFile"] == 1


@with_a_centre
async def test_of_what_is_not_accepted_or_was_deleted_no_file_is_kept(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace, max_backlog=1)) as running:
            await ready(dc, running)
            slow = dc.hold("upload.GetFile")
            photo = dc.sends_photo(bob, b"deleted")
            await until(lambda: slow.met)
            dc.deletes(photo)
            await until(lambda: taken.waiting() == 1)
            dc.let_go(slow)
            await until(lambda: taken.waiting() == 0)
            taken.go_on.clear()
            dc.says(alice, "first")
            await until(lambda: taken.envelopes)
            for number in range(3):
                dc.sends_photo(alice, b"%d" % number)
            await until(lambda: taken.waiting() == 1)
            assert dc.record.counts()["upload.GetFile"] == 1
            with Redis.from_url(url) as client:
                await until(lambda: not list(client.scan_iter(match=f"{{{namespace}}}:store:s:attachment:*")))


@with_a_centre
async def test_many_slow_files_keep_nobody_elses_answer(dc: DataCentre, url: str, namespace: str) -> None:
    people, bob = [dc.add_user(f"User{number}") for number in range(20)], dc.add_user("Bob")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            slow = dc.hold("upload.GetFile", times=AT_ONCE)
            for one in people:
                dc.sends_photo(one, one.name.encode())
            await until(lambda: slow.met == AT_ONCE)
            dc.says(bob, "hi")
            await until(lambda: said(dc, bob))
            assert dc.record.counts()["upload.GetFile"] == AT_ONCE
            dc.let_go(slow)
            await until(lambda: len(taken.envelopes) == 21)
    contents = {tuple(taken.contents[one.id]) for one in taken.envelopes if one.kind == "photo"}
    assert len(contents) == 20
    assert (None,) not in contents


@with_a_centre
async def test_files_that_were_put_off_and_deleted_make_no_other_one_wait_longer(
    dc: DataCentre, url: str, namespace: str
) -> None:
    settings, alice = settings_for(dc, url, namespace), dc.add_user("Alice")
    with workers(url, namespace) as taken:
        client = Client(token=dc.bot_token, api_id=1, api_hash="hash", session=None, inbox=Inbox(1))
        downloads = Downloads(client, taken.broker, asyncio.get_running_loop())
        for number in range(AT_ONCE):
            downloads._begin(f"is being fetched: {number}")

        def publish(number: int) -> tuple[str, Any]:
            file = File(photo=True, dc=2, id=number, access_hash=0, reference=b"")
            wanted = Wanted(name=f"attachment:{number}", message=1, file=file)
            attachment = Attachment(name=wanted.name, mime=None, file_name=None, size_bytes=1)
            about = an_envelope(dc.says(alice, "hi"), number=number)
            envelope = replace(about, kind="photo", attachment=attachment)
            taken.broker.enqueue(message_of(envelope, settings=settings, handled=["photo"], hold_ms=HOLD_MS))
            return envelope.id, download_message(envelope, (wanted,)).args[0]

        def wait_ms(body: Any) -> int:
            with pytest.raises(Postpone) as postponed:
                downloads.fetch(body)
            return postponed.value.delay_ms

        published = [publish(number) for number in range(2 * AT_ONCE)]
        waits_ms = [wait_ms(body) for _, body in published]
        assert waits_ms[-1] > waits_ms[0]
        for envelope_id, body in published:
            taken.broker.cancel(envelope_id)
            downloads.fetch(body)
        assert wait_ms(publish(100)[1]) == waits_ms[0]


@with_a_centre
async def test_a_server_that_restarts_during_a_fetch_costs_no_file(dc: DataCentre, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with a_server(aof=True) as server, workers(server.url, namespace) as taken:
        async with a_gateway(settings_for(dc, server.url, namespace)) as running:
            await ready(dc, running)
            slow = dc.delay("upload.GetFile", 500)
            dc.sends_photo(alice, b"the photo")
            await until(lambda: slow.met)
            await asyncio.to_thread(server.kill)
            # The bytes come while there is nothing to keep them in.
            await asyncio.sleep(1.0)
            await asyncio.to_thread(server.start)
            await until(lambda: taken.envelopes)
            assert taken.broker.failed() == []
    (envelope,) = taken.envelopes
    assert taken.contents[envelope.id] == [b"the photo"]


@with_a_centre
async def test_a_fetch_that_fails_for_no_reason_of_telegrams_lets_its_turn_start(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    settings = settings_for(dc, url, namespace)
    # No number of 64 bits: it cannot be asked for.
    file = File(photo=True, dc=2, id=1 << 70, access_hash=0, reference=b"")
    wanted = Wanted(name="attachment:1", message=1, file=file)
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            attachment = Attachment(name=wanted.name, mime=None, file_name=None, size_bytes=1)
            about = an_envelope(dc.says(alice, "hi"), number=9)
            envelope = replace(about, kind="photo", attachment=attachment)
            held = message_of(envelope, settings=settings, handled=["photo"], hold_ms=HOLD_MS)
            taken.broker.enqueue_all([held, download_message(envelope, (wanted,))])
            await until(lambda: taken.contents.get(envelope.id) == [None])
            (letter,) = taken.broker.failed()
    assert letter.error.startswith("OverflowError")


@with_a_centre
async def test_an_edit_that_makes_a_message_another_kind_leaves_it_as_it_was(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            taken.go_on.clear()
            dc.says(alice, "first")
            await until(lambda: taken.envelopes)
            text = dc.says(alice, "second")
            await until(lambda: taken.waiting() == 2)
            text.media = dc.store(b"a photo", kind="photo", mime="image/jpeg", dc_id=2, width=640, height=480)
            dc.edits(text, "edited")
            dc.says(alice, "third")
            await until(lambda: taken.waiting() == 3)
            taken.go_on.set()
            await until(lambda: len(taken.envelopes) == 3)
            assert not running.done()
    assert [(one.kind, one.text) for one in taken.envelopes] == [("text", one) for one in ("first", "second", "third")]

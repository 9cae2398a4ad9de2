from __future__ import annotations

from typing import Any

import pytest

from okos.telegram.access import Access
from okos.telegram.library import T
from okos.telegram.reading import File, read


def a_message(**about: Any) -> Any:  # Any: generated
    return T.Message(
        **{
            "id": 5,
            "peer_id": T.PeerUser(user_id=7),
            "date": 1_000,
            "message": "",
        }
        | about
    )


def a_document(*attributes: Any, mime: str = "application/pdf") -> Any:  # Any: generated
    document = T.Document(
        id=1,
        access_hash=2,
        file_reference=b"ref",
        date=0,
        mime_type=mime,
        size=300,
        dc_id=4,
        attributes=list(attributes),
    )
    return T.MessageMediaDocument(document=document)


def test_a_text_in_private_is_from_whom_the_chat_is_with() -> None:
    incoming = read(a_message(message="hello"))

    assert (incoming.kind, incoming.text, incoming.place, incoming.place_id, incoming.sender) == (
        "text",
        "hello",
        "user",
        7,
        7,
    )
    assert incoming.sent_at_ms == 1_000_000


@pytest.mark.parametrize(
    ("place", "by", "sender"),
    [
        (T.PeerChannel(channel_id=5), T.PeerUser(user_id=7), 7),
        (T.PeerChannel(channel_id=5), T.PeerChannel(channel_id=7), -1_000_000_000_007),
        (T.PeerChannel(channel_id=7), None, -1_000_000_000_007),
        (T.PeerChat(chat_id=7), None, -7),
    ],
)
def test_a_chat_that_writes_as_itself_is_not_the_person_of_its_number(place: Any, by: Any, sender: int) -> None:
    incoming = read(a_message(peer_id=place, from_id=by))

    assert incoming.sender == sender
    owner = Access(users=(), admins=(7,), groups=())
    assert owner.role(incoming) == ("admin" if sender == 7 else "user")


def test_a_link_with_its_preview_is_a_text() -> None:
    preview = T.MessageMediaWebPage(webpage=T.WebPageEmpty(id=1))

    assert read(a_message(message="https://example.org", media=preview)).kind == "text"


def test_of_a_photo_the_largest_size_is_read() -> None:
    sizes = [
        T.PhotoStrippedSize(type="i", bytes=b""),
        T.PhotoSize(type="m", w=320, h=240, size=10_000),
        T.PhotoSizeProgressive(type="y", w=1280, h=960, sizes=[1_000, 90_000]),
        T.PhotoSize(type="x", w=800, h=600, size=50_000),
    ]
    photo = T.Photo(id=1, access_hash=2, file_reference=b"ref", date=0, dc_id=2, sizes=sizes)

    incoming = read(a_message(message="look", media=T.MessageMediaPhoto(photo=photo)))

    assert (incoming.kind, incoming.text) == ("photo", "look")
    assert incoming.file is not None
    assert (incoming.file.size_name, incoming.file.size_bytes, incoming.file.dc) == ("y", 90_000, 2)


def test_a_photo_that_comes_in_no_pieces_has_no_length_yet() -> None:
    size = T.PhotoSizeProgressive(type="y", w=1280, h=960, sizes=[])
    photo = T.Photo(id=1, access_hash=2, file_reference=b"ref", date=0, dc_id=2, sizes=[size])

    incoming = read(a_message(media=T.MessageMediaPhoto(photo=photo)))

    assert incoming.file is not None
    assert incoming.file.size_bytes == 0


def test_a_photo_that_has_vanished_is_one_without_a_file() -> None:
    incoming = read(a_message(media=T.MessageMediaPhoto(photo=T.PhotoEmpty(id=1))))

    assert (incoming.kind, incoming.file) == ("photo", None)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ([T.DocumentAttributeFilename(file_name="a.pdf")], "document"),
        ([T.DocumentAttributeAudio(duration=3, voice=True)], "voice"),
        ([T.DocumentAttributeAudio(duration=3)], "audio"),
        ([T.DocumentAttributeVideo(duration=3, w=1, h=1)], "video"),
        ([T.DocumentAttributeVideo(duration=3, w=1, h=1, round_message=True)], "video_note"),
        ([T.DocumentAttributeVideo(duration=3, w=1, h=1), T.DocumentAttributeAnimated()], "animation"),
        ([T.DocumentAttributeAnimated(), T.DocumentAttributeVideo(duration=3, w=1, h=1)], "animation"),
        ([T.DocumentAttributeSticker(alt="😀", stickerset=T.InputStickerSetEmpty())], "sticker"),
    ],
)
def test_a_document_is_what_is_said_of_it(attributes: list[Any], kind: str) -> None:
    assert read(a_message(media=a_document(*attributes))).kind == kind


def test_a_sticker_is_its_emoji() -> None:
    sticker = a_document(T.DocumentAttributeSticker(alt="😀", stickerset=T.InputStickerSetEmpty()))

    assert read(a_message(media=sticker)).emoji == "😀"


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (T.MessageMediaContact(phone_number="1", first_name="A", last_name="B", vcard="", user_id=0), "contact"),
        (T.MessageMediaDice(value=5, emoticon="🎲"), "dice"),
        (T.MessageMediaUnsupported(), "other"),
        (T.MessageMediaDocument(), "other"),
    ],
)
def test_what_is_no_file_has_a_name_too(media: Any, kind: str) -> None:
    assert read(a_message(media=media)).kind == kind


@pytest.mark.parametrize(
    ("reply", "topic", "replies_to"),
    [
        (None, None, None),
        ({"reply_to_msg_id": 3}, None, 3),
        ({"reply_to_msg_id": 3, "forum_topic": True}, 3, None),
        ({"reply_to_msg_id": 4, "reply_to_top_id": 3, "forum_topic": True}, 3, 4),
    ],
)
def test_a_topic_is_told_from_an_answer(
    reply: dict[str, Any] | None, topic: int | None, replies_to: int | None
) -> None:
    header = None if reply is None else T.MessageReplyHeader(**reply)

    incoming = read(a_message(peer_id=T.PeerChannel(channel_id=9), from_id=T.PeerUser(user_id=7), reply_to=header))

    assert (incoming.topic, incoming.replies_to) == (topic, replies_to)
    assert (incoming.place, incoming.place_id, incoming.sender) == ("channel", 9, 7)


def test_a_file_survives_the_way_through_json() -> None:
    file = File(photo=True, dc=2, id=1, access_hash=-2, reference=b"\x00\xff", size_name="y", size_bytes=5)

    assert File.decode(file.encode()) == file

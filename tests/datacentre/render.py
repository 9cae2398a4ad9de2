"""From the world to the wire: users, chats, messages and media as the client's layer has them."""

from collections.abc import Iterable
from typing import Any, Literal

from . import entities
from .tl import T, Written, build
from .world import HOME_DC, Chat, Media, Message, Peer, User, World, access_hash

AttachedKind = Literal["place", "contact", "dice"]

_TOPIC_COLOUR = 0x6FB9F0


def peer(of: Peer) -> Any:
    """Write a conversation's name."""
    if of.kind == "user":
        return T.PeerUser(user_id=of.id)
    return T.PeerChat(chat_id=of.id) if of.kind == "group" else T.PeerChannel(channel_id=of.id)


def user(of: User, *, is_self: bool = False, reduced: bool = False) -> Any:
    """Write a user. `reduced` is Telegram's `min`: without a usable access hash, as in a group's updates."""
    return build(
        T.User,
        id=of.id,
        is_self=is_self or None,
        bot=of.bot or None,
        bot_info_version=1 if of.bot else None,
        min=reduced or None,
        access_hash=access_hash("reduced user" if reduced else "user", of.id),
        first_name=of.name,
        username=of.username,
    )


def chat(of: Chat, *, reduced: bool = False) -> Any:
    """Write a group or channel. `reduced` is Telegram's `min`, for a channel: nothing else of it than names is good."""
    if of.kind == "group":
        return build(
            T.Chat,
            id=of.id,
            title=of.title,
            photo=T.ChatPhotoEmpty(),
            participants_count=len(of.members),
            date=0,
            version=1,
        )
    return build(
        T.Channel,
        id=of.id,
        min=reduced or None,
        access_hash=access_hash("reduced channel" if reduced else "channel", of.id),
        title=of.title,
        photo=T.ChatPhotoEmpty(),
        date=0 if reduced else of.joined_s or 0,
        megagroup=of.kind == "supergroup" or None,
        broadcast=of.kind == "channel" or None,
        forum=of.forum or None,
        # a bot in a channel must be an administrator
        admin_rights=build(T.ChatAdminRights, post_messages=True, edit_messages=True, other=True)
        if of.kind == "channel"
        else None,
    )


def message(of: Message, reference: bytes) -> Any:
    """Write a message as the bot receives it."""
    from_id = None if of.peer.kind == "channel" and not of.sender else peer(Peer("user", of.sender))
    header = reply_header(of)
    if of.service is not None:
        return build(
            T.MessageService,
            id=of.id,
            peer_id=peer(of.peer),
            from_id=from_id,
            out=of.out or None,
            date=of.date,
            action=Written(of.service),
            reply_to=header,
        )
    return build(
        T.Message,
        id=of.id,
        peer_id=peer(of.peer),
        from_id=from_id,
        out=of.out or None,
        date=of.date,
        message=of.text,
        entities=entities.to_wire(of.entities),
        media=media(of.media, reference) if of.media else Written(of.attached) if of.attached else None,
        grouped_id=of.grouped_id,
        reply_to=header,
        reply_markup=Written(of.markup) if of.markup else None,
        edit_date=of.edit_date,
    )


def reply_header(of: Message) -> Any:
    """Write what a message replies to and the topic that it is in, None for neither."""
    if of.reply_to is None and of.topic is None:
        return None
    in_topic = of.topic is not None
    return build(
        T.MessageReplyHeader,
        reply_to_msg_id=of.reply_to or of.topic,
        reply_to_top_id=of.topic if in_topic and of.reply_to else None,
        forum_topic=in_topic or None,
    )


def media(of: Media, reference: bytes) -> Any:
    """Write a photo or document."""
    secret = access_hash("file", of.file_id)
    if of.kind == "photo":
        sizes = [
            T.PhotoSize(type="m", w=of.width // 4, h=of.height // 4, size=of.size),
            T.PhotoSize(type="y", w=of.width, h=of.height, size=of.size),
        ]
        photo = build(
            T.Photo, id=of.file_id, access_hash=secret, file_reference=reference, date=0, sizes=sizes, dc_id=of.dc_id
        )
        return build(T.MessageMediaPhoto, photo=photo)
    document = build(
        T.Document,
        id=of.file_id,
        access_hash=secret,
        file_reference=reference,
        date=0,
        mime_type=of.mime,
        size=of.size,
        dc_id=of.dc_id,
        attributes=_attributes(of),
    )
    return build(T.MessageMediaDocument, document=document)


def _attributes(of: Media) -> list[Any]:
    found = []
    if of.kind == "sticker":
        found.append(build(T.DocumentAttributeSticker, alt=of.emoji, stickerset=T.InputStickerSetEmpty()))
    if of.kind in {"video", "animation"} or (of.kind == "sticker" and of.mime == "video/webm"):
        found.append(build(T.DocumentAttributeVideo, duration=of.duration_s, w=of.width, h=of.height))
    elif of.width:
        found.append(T.DocumentAttributeImageSize(w=of.width, h=of.height))
    if of.kind == "animation":
        found.append(T.DocumentAttributeAnimated())
    if of.kind in {"voice", "audio"}:
        found.append(build(T.DocumentAttributeAudio, duration=of.duration_s, voice=of.kind == "voice" or None))
    if of.file_name:
        found.append(T.DocumentAttributeFilename(file_name=of.file_name))
    return found


def people(world: World, messages: Iterable[Message], *, reduced: bool = False) -> tuple[list[Any], list[Any]]:
    """Return the users and the chats that these messages name, as an update carries them."""
    users: dict[int, User] = {}
    chats: dict[Peer, Chat] = {}
    for of in messages:
        for number in (of.sender, of.peer.id if of.peer.kind == "user" else 0):
            if number in world.users:
                users[number] = world.users[number]
        if of.peer in world.chats:
            chats[of.peer] = world.chats[of.peer]
    bot = world.bot.id if world.bot else 0
    return (
        [user(of, is_self=of.id == bot, reduced=reduced and of.id != bot) for of in users.values()],
        [chat(of, reduced=reduced) for of in chats.values()],
    )


def topic_created(title: str) -> bytes:
    """Write the action of the message that opens a topic."""
    return bytes(build(T.MessageActionTopicCreate, title=title, icon_color=_TOPIC_COLOUR).write())


def attached(kind: AttachedKind) -> bytes:
    """Write what a message may bring without a file."""
    written = {
        "place": lambda: build(T.MessageMediaGeo, geo=build(T.GeoPoint, long=13.4, lat=52.5)),
        "contact": lambda: build(T.MessageMediaContact, phone_number="4930123456", first_name="Carol"),
        "dice": lambda: build(T.MessageMediaDice, value=6, emoticon="🎲"),
    }
    return bytes(written[kind]().write())


def config(host: str, port: int, now_s: int) -> Any:
    """Write the answer to help.getConfig: every data centre is this one."""
    return build(
        T.Config,
        date=now_s,
        expires=now_s + 3600,
        this_dc=HOME_DC,
        test_mode=False,
        dc_options=[build(T.DcOption, id=number, ip_address=host, port=port) for number in range(1, 6)],
        message_length_max=4096,
        caption_length_max=1024,
        me_url_prefix="https://t.me/",
        dc_txt_domain_name="x",
    )

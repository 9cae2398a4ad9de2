"""What a bot says: sending, editing, deleting, typing, answering a button; and looking messages up."""

import time
from typing import Any

from . import entities, render, updates
from .calls import Call, Handler, RpcFailure, peer_of
from .entities import Entity
from .tl import TRUE, T, build
from .world import Box, Media, Message, Peer, access_hash

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
# What a client sees of an incoming id: Pyrogram reads a trailing vector of 8-byte objects as longs.
_LOW_32 = 0xFFFF_FFFF


Content = tuple[int, str, Any, Media | None]
"""What one message says: random id, text, its formatting on the wire, and what comes with it."""


async def send_message(call: Call) -> Any:
    """Say a text."""
    query = call.query
    if not query.message:
        raise RpcFailure(400, "MESSAGE_EMPTY")
    if entities.utf16_units(query.message) > MAX_TEXT_UNITS:
        raise RpcFailure(400, "MESSAGE_TOO_LONG")
    return await send(call, [(query.random_id, query.message, query.entities, None)])


async def send(call: Call, contents: list[Content]) -> Any:
    """Say one message, or several that form an album; what was said before with these random ids is only told again."""
    dc, peer, now_s = call.dc, addressed(call), int(time.time())
    keys = [(peer, random_id) for random_id, *_ in contents]
    box = dc.world.box_of(peer)
    if all(key in dc.world.sends for key in keys):
        before = [box.messages[dc.world.sends[key]] for key in keys]
        for message in before:
            dc.record.add("repeated", message=message)
        return updates.sent_before(dc.world, before, now_s=now_s)
    if dc.sending.intersection(keys):
        raise RpcFailure(500, "RANDOM_ID_DUPLICATE")
    dc.sending.update(keys)
    try:
        await call.wait()
        marked = [checked(text, given) for _, text, given, _ in contents]
        reply_to, topic = _reply_of(call, box)
        sends = []
        album = dc.world.number() if len(contents) > 1 else None
        for (random_id, text, _, media), spans in zip(contents, marked, strict=True):
            message = Message(
                id=box.next_id(),
                peer=peer,
                sender=call.bot_id,
                out=True,
                text=text,
                entities=spans,
                media=media,
                grouped_id=album,
                reply_to=reply_to,
                topic=topic,
                markup=_markup_of(call),
                random_id=random_id,
                date=int(time.time()),
            )
            sends.append((message, dc.said(message, by=call.session)))
    finally:
        dc.sending.difference_update(keys)
    if len(sends) > 1:
        return updates.sent_together(dc.world, sends, now_s=now_s)
    return updates.sent(dc.world, *sends[0], now_s=now_s)


def edit_message(call: Call) -> Any:
    """Give a message of the bot's own other words."""
    peer, query = addressed(call), call.query
    message = call.dc.world.box_of(peer).messages.get(query.id)
    if message is None or message.deleted or not message.out or message.peer != peer:
        raise RpcFailure(400, "MESSAGE_ID_INVALID")
    text = query.message or message.text
    limit, error = (
        (MAX_CAPTION_UNITS, "MEDIA_CAPTION_TOO_LONG") if message.media else (MAX_TEXT_UNITS, "MESSAGE_TOO_LONG")
    )
    if entities.utf16_units(text) > limit:
        raise RpcFailure(400, error)
    spans = checked(text, query.entities)
    markup = _markup_of(call)
    if (text, spans, markup) == (message.text, message.entities, message.markup):
        raise RpcFailure(400, "MESSAGE_NOT_MODIFIED")
    message.markup = markup
    change = call.dc.edited(message, text=text, spans=spans, by=call.session)
    written = updates.updates_of(call.dc.world, call.dc.world.box_of(peer), change)
    return updates.bundle(call.dc.world, written, [message], now_s=int(time.time()))


def delete_messages(call: Call) -> Any:
    """Take messages of private chats and basic groups away; their ids name no chat."""
    _ = call.bot_id
    return _delete(call, call.dc.world.common)


def delete_channel_messages(call: Call) -> Any:
    """Take messages of a channel away."""
    _ = call.bot_id
    return _delete(call, call.dc.world.box_of(_channel(call, call.query.channel)))


def _delete(call: Call, box: Box) -> Any:
    change = call.dc.deleted(box, list(call.query.id), by=call.session)
    return T.messages.AffectedMessages(pts=box.pts, pts_count=change.count if change else 0)


def set_typing(call: Call) -> Any:
    """Show that the bot is at it, or a draft of what it will say."""
    peer, action = addressed(call), call.query.action
    draft = getattr(getattr(action, "text", None), "text", None)
    kind = type(action).__name__
    call.dc.record.add("typing" if draft is None else "draft", peer=peer, text=kind if draft is None else draft)
    call.dc.changed()
    return TRUE


def set_bot_callback_answer(call: Call) -> Any:
    """Answer a button."""
    _ = call.bot_id
    if call.query.query_id not in call.dc.callback_queries:
        raise RpcFailure(400, "QUERY_ID_INVALID")
    peer = call.dc.callback_queries.pop(call.query.query_id)
    call.dc.record.add("callback_answer", peer=peer, text=call.query.message or "")
    return TRUE


def get_messages(call: Call) -> Any:
    """Look up messages of private chats and basic groups."""
    _ = call.bot_id
    return _looked_up(call, call.dc.world.common)


def get_channel_messages(call: Call) -> Any:
    """Look up messages of a channel."""
    _ = call.bot_id
    return _looked_up(call, call.dc.world.box_of(_channel(call, call.query.channel)))


def _looked_up(call: Call, box: Box) -> Any:
    found: list[Any] = []
    about: list[Message] = []
    for wanted in call.query.id:
        constructor, number = (
            (wanted & _LOW_32, wanted >> 32 & _LOW_32) if isinstance(wanted, int) else (wanted.ID, wanted.id)
        )
        if constructor == T.InputMessageReplyTo.ID:
            replying = box.messages.get(number)
            number = (replying.reply_to or 0) if replying else 0
        message = box.messages.get(number)
        if message is None or message.deleted:
            found.append(build(T.MessageEmpty, id=number))
        else:
            about.append(message)
            found.append(render.message(message, call.dc.world.file_reference))
    users, chats = render.people(call.dc.world, about)
    return build(T.messages.Messages, messages=found, chats=chats, users=users)


def get_channels(call: Call) -> Any:
    """Tell about channels by id and access hash."""
    _ = call.bot_id
    peers = [_channel(call, wanted) for wanted in call.query.id]
    return build(T.messages.Chats, chats=[render.chat(call.dc.world.chats[peer]) for peer in peers])


def get_chats(call: Call) -> Any:
    """Tell about basic groups by id."""
    _ = call.bot_id
    chats = [call.dc.world.chats.get(Peer("group", number)) for number in call.query.id]
    return build(T.messages.Chats, chats=[render.chat(chat) for chat in chats if chat])


def addressed(call: Call) -> Peer:
    """Return the conversation that a call speaks to.

    Raises:
        RpcFailure: there is none, its access hash is wrong, or the test has it refuse.
    """
    _ = call.bot_id
    world = call.dc.world
    peer = peer_of(call.query, call.session, call.dc)
    if peer is None:
        raise RpcFailure(400, "PEER_ID_INVALID")
    secret = getattr(call.query.peer, "access_hash", 0)
    if peer.kind == "user" and (peer.id not in world.users or secret not in {0, access_hash("user", peer.id)}):
        raise RpcFailure(400, "PEER_ID_INVALID")
    if peer.kind == "channel" and not world.is_named(peer, secret):
        raise RpcFailure(400, "CHANNEL_INVALID")
    if peer.kind == "group" and peer not in world.chats:
        raise RpcFailure(400, "PEER_ID_INVALID")
    if peer in world.refusals:
        raise RpcFailure(*world.refusals[peer])
    return peer


def checked(text: str, given: Any) -> tuple[Entity, ...]:
    """Return the formatting of a text.

    Raises:
        RpcFailure: Telegram would not take it.
    """
    spans = entities.from_wire(given)
    if error := entities.fault_of(text, spans):
        raise RpcFailure(400, error)
    return spans


def get_full_channel(call: Call) -> Any:
    """Tell about a channel, and where its box is."""
    _ = call.bot_id
    peer = _channel(call, call.query.channel)
    full = build(
        T.ChannelFull,
        id=peer.id,
        about="",
        read_inbox_max_id=0,
        read_outbox_max_id=0,
        unread_count=0,
        chat_photo=T.PhotoEmpty(id=0),
        notify_settings=build(T.PeerNotifySettings),
        bot_info=[],
        pts=call.dc.world.channels[peer.id].pts,
    )
    return T.messages.ChatFull(full_chat=full, chats=[render.chat(call.dc.world.chats[peer])], users=[])


def _channel(call: Call, wanted: Any) -> Peer:
    peer = Peer("channel", getattr(wanted, "channel_id", 0))
    if not call.dc.world.is_named(peer, wanted.access_hash):
        raise RpcFailure(400, "CHANNEL_INVALID")
    return peer


def _reply_of(call: Call, box: Box) -> tuple[int | None, int | None]:
    """Return the message replied to and the topic, whichever way this layer says it."""
    query = call.query
    named = getattr(query, "reply_to", None) or query
    reply_to, topic = getattr(named, "reply_to_msg_id", None), getattr(named, "top_msg_id", None)
    if reply_to is None:
        return None, topic
    target = box.messages.get(reply_to)
    if target is None or target.deleted:
        raise RpcFailure(400, "REPLY_MESSAGE_ID_INVALID")
    chat = call.dc.world.chats.get(target.peer)
    if chat is not None and reply_to in chat.topics:
        return None, reply_to
    return reply_to, topic or target.topic


def _markup_of(call: Call) -> bytes | None:
    markup = getattr(call.query, "reply_markup", None)
    return bytes(markup.write()) if markup is not None else None


HANDLERS: dict[str, Handler] = {
    "messages.SendMessage": send_message,
    "messages.EditMessage": edit_message,
    "messages.DeleteMessages": delete_messages,
    "channels.DeleteMessages": delete_channel_messages,
    "messages.SetTyping": set_typing,
    "messages.SetBotCallbackAnswer": set_bot_callback_answer,
    "messages.GetMessages": get_messages,
    "channels.GetMessages": get_channel_messages,
    "channels.GetChannels": get_channels,
    "channels.GetFullChannel": get_full_channel,
    "messages.GetChats": get_chats,
}

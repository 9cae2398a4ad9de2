"""What changed, as the wire tells it: live updates, and the difference for whoever missed them."""

from collections.abc import Iterable
from typing import Any

from . import render
from .entities import to_wire
from .tl import T, build
from .world import Box, Change, Message, World


def updates_of(world: World, box: Box, change: Change, *, count: int | None = None) -> list[Any]:
    """Write one change. `count` 0 says that the state has moved by it before: an answer to a repeated send."""
    channel_id = next((number for number, its in world.channels.items() if its is box), None)
    place = {"pts": change.pts, "pts_count": change.count if count is None else count}
    if change.kind == "delete":
        if channel_id is None:
            return [T.UpdateDeleteMessages(messages=list(change.ids), **place)]
        return [T.UpdateDeleteChannelMessages(channel_id=channel_id, messages=list(change.ids), **place)]
    written = render.message(box.messages[change.ids[0]], world.file_reference)
    if change.kind == "edit":
        kind = T.UpdateEditMessage if channel_id is None else T.UpdateEditChannelMessage
    else:
        kind = T.UpdateNewMessage if channel_id is None else T.UpdateNewChannelMessage
    return [kind(message=written, **place)]


def bundle(world: World, updates: list[Any], about: Iterable[Message], *, now_s: int, reduced: bool = False) -> Any:
    """Put updates together with the users and chats that they name."""
    users, chats = render.people(world, about, reduced=reduced)
    return T.Updates(updates=updates, users=users, chats=chats, date=now_s, seq=0)


def short_message(change: Change, of: Message) -> Any:
    """Write a plain text in private, or in a basic group, without users: the client must know them already."""
    fields = {
        "id": of.id,
        "message": of.text,
        "pts": change.pts,
        "pts_count": change.count,
        "date": of.date,
        "out": of.out or None,
        "entities": to_wire(of.entities),
        "reply_to": render.reply_header(of),
    }
    if of.peer.kind == "user":
        return build(T.UpdateShortMessage, user_id=of.peer.id, **fields)
    return build(T.UpdateShortChatMessage, from_id=of.sender, chat_id=of.peer.id, **fields)


def sent(world: World, of: Message, change: Change, *, now_s: int) -> Any:
    """Write the answer to a send that was done just now: the short form for a text in private, as Telegram does."""
    if of.peer.kind == "user" and of.media is None:
        return build(
            T.UpdateShortSentMessage,
            id=of.id,
            pts=change.pts,
            pts_count=change.count,
            date=of.date,
            out=True,
            entities=to_wire(of.entities),
        )
    return _with_id(world, [(of, change)], now_s=now_s)


def sent_together(world: World, sends: list[tuple[Message, Change]], *, now_s: int) -> Any:
    """Write the answer to an album."""
    return _with_id(world, sends, now_s=now_s)


def sent_before(world: World, messages: list[Message], *, now_s: int) -> Any:
    """Write the answer to a repeat of a finished send: the first message, as it is now, and no step of the state."""
    updates: list[Any] = [T.UpdateMessageID(id=of.id, random_id=of.random_id) for of in messages]
    for of in messages:
        box = world.box_of(of.peer)
        first = next(change for change in box.changes if change.kind == "new" and change.ids == (of.id,))
        updates += updates_of(world, box, first, count=0)
    return bundle(world, updates, messages, now_s=now_s)


def _with_id(world: World, sends: list[tuple[Message, Change]], *, now_s: int) -> Any:
    updates: list[Any] = [T.UpdateMessageID(id=of.id, random_id=of.random_id) for of, _ in sends]
    for of, change in sends:
        updates += updates_of(world, world.box_of(of.peer), change)
    return bundle(world, updates, [of for of, _ in sends], now_s=now_s)


def state(world: World, pts: int, *, now_s: int) -> Any:
    """Write a state of the common box."""
    del world
    return T.updates.State(pts=pts, qts=0, date=now_s, seq=1, unread_count=0)


def difference(world: World, pts: int, *, since_s: int, slice_size: int | None, now_s: int) -> Any:
    """Write what changed in the common box after `pts`, at most `slice_size` changes of it.

    Of the channels that the bot is in it names those in which something happened since `since_s`.
    """
    box = world.common
    if pts < box.forgotten_pts:
        return T.updates.DifferenceTooLong(pts=box.pts)
    changes = list(box.since(pts))
    behind = [
        build(T.UpdateChannelTooLong, channel_id=chat.id, pts=world.channels[chat.id].pts)
        for chat in world.chats.values()
        if chat.joined_s is not None and world.channels[chat.id].changed_s >= since_s
    ]
    if not changes and not behind:
        return T.updates.DifferenceEmpty(date=now_s, seq=1)
    sliced = slice_size is not None and len(changes) > slice_size
    part = changes[:slice_size] if sliced else changes
    messages, others = _sorted(world, box, part)
    users, chats = render.people(world, messages)
    chats += [
        render.chat(chat) for chat in world.chats.values() if any(chat.id == update.channel_id for update in behind)
    ]
    fields = {
        "new_messages": [render.message(of, world.file_reference) for of in messages],
        "new_encrypted_messages": [],
        "chats": chats,
        "users": users,
    }
    if sliced:
        so_far = state(world, part[-1].pts, now_s=now_s)
        return T.updates.DifferenceSlice(other_updates=others, intermediate_state=so_far, **fields)
    return T.updates.Difference(other_updates=others + behind, state=state(world, box.pts, now_s=now_s), **fields)


def channel_difference(world: World, channel_id: int, pts: int, *, ranges: list[Any], limit: int) -> Any:
    """Write what changed in a channel's box after `pts`; with `ranges`, of the messages in them alone."""
    box = world.channels[channel_id]
    if pts < box.forgotten_pts:
        return _channel_too_long(world, channel_id, box)
    changes = [c for c in box.since(pts) if not ranges or any(r.min_id <= i <= r.max_id for i in c.ids for r in ranges)]
    if not changes:
        return build(T.updates.ChannelDifferenceEmpty, final=True, pts=box.pts)
    part = changes[:limit]
    final = len(part) == len(changes)
    reached = box.pts if final else part[-1].pts
    messages, others = _sorted(world, box, part)
    users, chats = render.people(world, messages)
    return build(
        T.updates.ChannelDifference,
        final=final or None,
        pts=reached,
        new_messages=[render.message(of, world.file_reference) for of in messages],
        other_updates=others,
        chats=chats or [render.chat(c) for c in world.chats.values() if c.id == channel_id],
        users=users,
    )


def _channel_too_long(world: World, channel_id: int, box: Box) -> Any:
    chat = next(chat for chat in world.chats.values() if chat.id == channel_id and chat.kind != "group")
    last = [of for of in box.messages.values() if not of.deleted][-1:]
    users, _ = render.people(world, last)
    dialog = build(
        T.Dialog,
        peer=render.peer(chat.peer),
        top_message=box.last_id,
        notify_settings=build(T.PeerNotifySettings),
        pts=box.pts,
    )
    return build(
        T.updates.ChannelDifferenceTooLong,
        final=True,
        dialog=dialog,
        messages=[render.message(of, world.file_reference) for of in last],
        chats=[render.chat(chat)],
        users=users,
    )


def _sorted(world: World, box: Box, changes: list[Change]) -> tuple[list[Message], list[Any]]:
    """Split changes into the messages that are new and all else, as a difference has them.

    A message comes as it is now; an edit is told only where the message itself is not.
    """
    new = [box.messages[c.ids[0]] for c in changes if c.kind == "new"]
    new = [of for of in new if not of.deleted]
    told = {of.id for of in new}
    others: list[Any] = [
        T.UpdateMessageID(id=of.id, random_id=of.random_id) for of in new if of.out and of.random_id is not None
    ]
    for change in changes:
        gone = change.kind == "edit" and box.messages[change.ids[0]].deleted
        if change.kind != "new" and not gone and not (change.kind == "edit" and change.ids[0] in told):
            others += updates_of(world, box, change)
    return new, others

"""What people do: they come, write, send, edit, delete, press and block. Callable from any thread."""

import time
from pathlib import Path
from typing import Literal

from . import entities as spans
from . import render
from .core import Core, Form, on_loop
from .entities import Entity
from .samples import PHOTO, sticker_of
from .tl import T, build
from .world import HOME_DC, Box, Change, Chat, ChatKind, Media, Message, Peer, User

Place = User | Chat | Message
"""Where something is said: in private with a user, in a group or channel, or where that message is (and its topic)."""

_STICKER_MIMES = {"webp": "image/webp", "tgs": "application/x-tgsticker", "webm": "video/webm"}


class People(Core):
    """The people of the world, and their chats with the bot."""

    @on_loop
    def add_user(self, name: str, *, number: int | None = None) -> User:
        """Let somebody exist."""
        number = number or self.world.peer_number()
        user = User(id=number, name=name, username=f"{name.lower()}_{number}")
        self.world.users[number] = user
        return user

    def add_group(self, title: str, members: list[User]) -> Chat:
        """Make a basic group with the bot in it. It shares the message ids of the private chats."""
        return self._add_chat(title, members, kind="group")

    def add_supergroup(self, title: str, members: list[User], *, forum: bool = False, with_bot: bool = True) -> Chat:
        """Make a supergroup, with the bot in it or not; a forum has topics."""
        return self._add_chat(title, members, kind="supergroup", forum=forum, with_bot=with_bot)

    def add_channel(self, title: str) -> Chat:
        """Make a channel that the bot administers. Posts there have no sender."""
        return self._add_chat(title, [], kind="channel")

    @on_loop
    def _add_chat(
        self, title: str, members: list[User], *, kind: ChatKind, forum: bool = False, with_bot: bool = True
    ) -> Chat:
        chat = Chat(id=self.world.peer_number(), kind=kind, title=title, forum=forum, members=[u.id for u in members])
        self.world.chats[chat.peer] = chat
        if kind != "group":
            chat.joined_s = int(time.time()) if with_bot else None
            self.world.channels[chat.id] = Box()
        return chat

    @on_loop
    def add_topic(self, chat: Chat, title: str, by: User) -> Message:
        """Open a topic in a forum. The message returned is a place to speak in."""
        message = self._message(chat, by=by, service=render.topic_created(title))
        chat.topics[message.id] = title
        self._post([message], self.form)
        message.topic = message.id
        return message

    @on_loop
    def adds_bot(self, chat: Chat, by: User, *, form: Form | None = None) -> Message:
        """Let the bot into a chat if it is not in it, and tell it so by a service message."""
        if chat.kind != "group" and chat.joined_s is None:
            chat.joined_s = int(time.time())
        action = build(T.MessageActionChatAddUser, users=[self.bot.id])
        message = self._message(chat, by=by, service=bytes(action.write()))
        self._post([message], form or self.form)
        return message

    @on_loop
    def says(
        self,
        where: Place,
        text: str,
        *,
        by: User | None = None,
        reply_to: Message | None = None,
        entities: tuple[Entity, ...] | None = None,
        form: Form | None = None,
        ago_s: int = 0,
    ) -> Message:
        """Write a text. Commands and mentions are marked as Telegram marks them, unless entities are given."""
        marked = spans.found_in(text) if entities is None else entities
        message = self._message(where, by=by, text=text, entities=marked, reply_to=reply_to)
        message.date -= ago_s
        self._post([message], form or self.form)
        return message

    @on_loop
    def sends_photo(
        self,
        where: Place,
        content: bytes = PHOTO,
        caption: str = "",
        *,
        by: User | None = None,
        dc_id: int = HOME_DC,
        form: Form | None = None,
    ) -> Message:
        """Send a photo. `dc_id` other than 2 has it in another data centre."""
        media = self.store(content, kind="photo", mime="image/jpeg", dc_id=dc_id, width=640, height=480)
        return self._send(where, media, caption, by, form)

    @on_loop
    def sends_album(
        self,
        where: Place,
        contents: list[bytes],
        caption: str = "",
        *,
        by: User | None = None,
        form: Form | None = None,
    ) -> list[Message]:
        """Send photos together; the first has the caption."""
        album = self.world.number()
        messages = []
        for n, content in enumerate(contents):
            media = self.store(content, kind="photo", mime="image/jpeg", width=640, height=480)
            message = self._message(where, by=by, text="" if n else caption, media=media)
            message.grouped_id = album
            messages.append(message)
        self._post(messages, form or self.form)
        return messages

    @on_loop
    def sends_sticker(
        self,
        where: Place,
        emoji: str = "😀",
        *,
        made_as: Literal["webp", "tgs", "webm"] = "webp",
        content: bytes | None = None,
        by: User | None = None,
        form: Form | None = None,
    ) -> Message:
        """Send a sticker: still, animated or video."""
        media = self.store(
            sticker_of(made_as) if content is None else content,
            kind="sticker",
            mime=_STICKER_MIMES[made_as],
            file_name=f"sticker.{made_as}",
            emoji=emoji,
            width=512,
            height=512,
        )
        return self._send(where, media, "", by, form)

    @on_loop
    def sends_voice(
        self, where: Place, content: bytes = b"OggS", *, duration_s: int = 3, by: User | None = None
    ) -> Message:
        """Send a voice note."""
        media = self.store(content, kind="voice", mime="audio/ogg", duration_s=duration_s)
        return self._send(where, media, "", by, None)

    @on_loop
    def sends_document(
        self, where: Place, content: bytes, file_name: str, caption: str = "", *, by: User | None = None
    ) -> Message:
        """Send a file."""
        media = self.store(content, kind="document", mime="application/octet-stream", file_name=Path(file_name).name)
        return self._send(where, media, caption, by, None)

    @on_loop
    def sends_video(
        self,
        where: Place,
        content: bytes = b"video",
        caption: str = "",
        *,
        kind: Literal["video", "animation", "audio"] = "video",
        by: User | None = None,
    ) -> Message:
        """Send a video, an animation without sound, or a piece of music."""
        mime = "audio/mpeg" if kind == "audio" else "video/mp4"
        media = self.store(content, kind=kind, mime=mime, file_name="a file", duration_s=3, width=64, height=64)
        return self._send(where, media, caption, by, None)

    @on_loop
    def sends_other(self, where: Place, kind: render.AttachedKind, *, by: User | None = None) -> Message:
        """Send what has no file: a place, a contact, a dice."""
        message = self._message(where, by=by)
        message.attached = render.attached(kind)
        self._post([message], self.form)
        return message

    @on_loop
    def edits(self, message: Message, text: str, *, form: Form | None = None) -> None:
        """Give a message of a person's own other words."""
        change = self.world.edit(message, text=text, entities=spans.found_in(text), now_s=int(time.time()))
        self.announce([(change, message)], form or self.form)

    @on_loop
    def deletes(self, *messages: Message, form: Form | None = None) -> None:
        """Delete messages of one chat, for everybody."""
        box = self.world.box_of(messages[0].peer)
        change = self.world.delete(box, [message.id for message in messages])
        if change is not None:
            self.announce([(change, messages[0])], form or self.form)

    @on_loop
    def presses(self, message: Message, pressed: bytes, by: User) -> int:
        """Press a button below a message of the bot's. Returns the query's id."""
        number = self.world.number()
        self.callback_queries[number] = message.peer
        update = build(
            T.UpdateBotCallbackQuery,
            query_id=number,
            user_id=by.id,
            peer=render.peer(message.peer),
            msg_id=message.id,
            chat_instance=message.peer.id,
            data=pressed,
        )
        users, chats = render.people(self.world, [message])
        users += [render.user(by)] if message.peer != by.peer else []
        self.push(T.Updates(updates=[update], users=users, chats=chats, date=int(time.time()), seq=0))
        return number

    @on_loop
    def types(self, by: User) -> None:
        """Type in private."""
        action = T.SendMessageTypingAction()
        self.push(T.UpdateShort(update=build(T.UpdateUserTyping, user_id=by.id, action=action), date=int(time.time())))

    @on_loop
    def blocks(self, user: User) -> None:
        """Block the bot: what it sends there is refused."""
        self.world.refusals[user.peer] = (400, "USER_IS_BLOCKED")
        self._stopped(user, stopped=True)

    @on_loop
    def unblocks(self, user: User) -> None:
        """Let the bot speak again."""
        self.world.refusals.pop(user.peer, None)
        self._stopped(user, stopped=False)

    def visible(self, where: Place) -> list[Message]:
        """Return what a person sees in a chat, top to bottom; in a topic, what is in it."""
        shown = self.world.visible(where.peer)
        if isinstance(where, Message) and where.topic is not None:
            return [message for message in shown if message.topic == where.topic]
        return shown

    def answers(self, where: Place) -> list[str]:
        """Return the texts of the bot's that a person sees in a chat, top to bottom."""
        return [message.text for message in self.visible(where) if message.out]

    def content(self, message: Message) -> bytes:
        """Return the bytes of the file that a message holds."""
        assert message.media is not None
        return self.world.files[message.media.file_id]

    def _stopped(self, user: User, *, stopped: bool) -> None:
        now_s = int(time.time())
        update = build(T.UpdateBotStopped, user_id=user.id, date=now_s, stopped=stopped, qts=0)
        self.push(T.Updates(updates=[update], users=[render.user(user)], chats=[], date=now_s, seq=0))

    def _send(self, where: Place, media: Media, caption: str, by: User | None, form: Form | None) -> Message:
        message = self._message(where, by=by, text=caption, media=media)
        self._post([message], form or self.form)
        return message

    def _message(
        self,
        where: Place,
        *,
        by: User | None,
        text: str = "",
        entities: tuple[Entity, ...] = (),
        media: Media | None = None,
        reply_to: Message | None = None,
        service: bytes | None = None,
    ) -> Message:
        peer: Peer = where.peer
        if by is None and peer.kind != "channel":
            by = where if isinstance(where, User) else self.world.users[peer.id] if peer.kind == "user" else None
            assert by is not None, "say who speaks in a group"
        return Message(
            id=self.world.box_of(peer).next_id(),
            peer=peer,
            sender=by.id if by else 0,
            out=False,
            text=text,
            date=int(time.time()),
            entities=entities,
            media=media,
            reply_to=reply_to.id if reply_to else None,
            topic=where.topic if isinstance(where, Message) else None,
            service=service,
        )

    def _post(self, messages: list[Message], form: Form) -> None:
        changes: list[tuple[Change, Message]] = []
        for message in messages:
            changes.append((self.world.post(message), message))
            self.record.add("heard", message=message)
        self.announce(changes, form)

"""Who and what there is: users, chats, messages and the boxes that count their changes. No wire, no I/O.

A box is Telegram's unit of order: private chats and basic groups share the common one, each supergroup or channel has
its own. Message ids and `pts` are counted per box; every change moves `pts` by its count and is remembered, so that a
difference can be computed for whoever missed it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .entities import Entity

HOME_DC = 2

PeerKind = Literal["user", "group", "channel"]
ChatKind = Literal["group", "supergroup", "channel"]
MediaKind = Literal["photo", "sticker", "voice", "document", "video", "animation", "audio"]


class Peer(NamedTuple):
    """One conversation, seen from the bot. `id` is the bare positive number of the wire."""

    kind: PeerKind
    id: int

    @property
    def chat_id(self) -> int:
        """Return the number that Pyrogram and the Bot API use: negative for groups, -100… for channels."""
        return {"user": self.id, "group": -self.id, "channel": -1_000_000_000_000 - self.id}[self.kind]


@dataclass(slots=True, kw_only=True)
class User:
    """A person, or the bot itself."""

    id: int
    name: str
    username: str | None = None
    bot: bool = False

    @property
    def peer(self) -> Peer:
        """Return the private chat with this user."""
        return Peer("user", self.id)


@dataclass(slots=True, kw_only=True)
class Chat:
    """A basic group, a supergroup or a channel.

    `topics` has the titles by the id of the message that opened each; `joined_s` says when the bot came into a
    supergroup or channel, None that it is not in it.
    """

    id: int
    kind: ChatKind
    title: str
    forum: bool = False
    members: list[int] = field(default_factory=list)
    joined_s: int | None = None
    topics: dict[int, str] = field(default_factory=dict)

    @property
    def peer(self) -> Peer:
        """Return the conversation."""
        return Peer("group" if self.kind == "group" else "channel", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A photo or a document. Its bytes are in `World.files` under `file_id`."""

    kind: MediaKind
    file_id: int
    size: int
    mime: str
    file_name: str | None = None
    emoji: str = ""
    width: int = 0
    height: int = 0
    duration_s: int = 0
    dc_id: int = HOME_DC


@dataclass(slots=True, kw_only=True)
class Message:
    """One message. `earlier` has the texts before each edit, oldest first."""

    id: int
    peer: Peer
    sender: int
    out: bool
    text: str
    date: int
    entities: tuple[Entity, ...] = ()
    media: Media | None = None
    grouped_id: int | None = None
    reply_to: int | None = None
    topic: int | None = None
    attached: bytes | None = None  # a written MessageMedia without a file: a place, a contact, a dice…
    service: bytes | None = None  # a written MessageAction: the message is a service message
    markup: bytes | None = None  # a written ReplyMarkup
    random_id: int | None = None
    edit_date: int | None = None
    earlier: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step of a box: after it, `pts` is this, and it moved by `count`."""

    pts: int
    count: int
    kind: Literal["new", "edit", "delete"]
    ids: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Box:
    """Messages that share one sequence of ids and of changes.

    `pts` starts at 1, so that the first message gets 2. Of changes up to `forgotten_pts` no difference is known any
    more. `changed_s` is when something was last said or edited.
    """

    pts: int = 1
    last_id: int = 0
    forgotten_pts: int = 0
    changed_s: int = 0
    messages: dict[int, Message] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def next_id(self) -> int:
        """Take the next message id."""
        self.last_id += 1
        return self.last_id

    def change(self, kind: Literal["new", "edit", "delete"], *ids: int) -> Change:
        """Move on by one step for each message that it concerns."""
        self.pts += len(ids)
        self.changes.append(Change(pts=self.pts, count=len(ids), kind=kind, ids=ids))
        return self.changes[-1]

    def since(self, pts: int) -> Iterator[Change]:
        """Yield what changed after that state, oldest first."""
        return (change for change in self.changes if change.pts > pts)


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that a data centre keeps when it restarts."""

    bot: User | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    chats: dict[Peer, Chat] = field(default_factory=dict)
    common: Box = field(default_factory=Box)
    channels: dict[int, Box] = field(default_factory=dict)
    talks: dict[Peer, list[Message]] = field(default_factory=dict)  # what was ever posted in each conversation
    files: dict[int, bytes] = field(default_factory=dict)
    media: dict[int, Media] = field(default_factory=dict)
    file_reference: bytes = b"reference 1"
    last_number: int = 1_000_000_000  # of files, albums, callback queries
    last_peer: int = 1000  # of users and chats
    sends: dict[tuple[Peer, int], int] = field(default_factory=dict)  # (peer, random_id) -> message id
    refusals: dict[Peer, tuple[int, str]] = field(default_factory=dict)  # what every send there is answered with
    keys: dict[bytes, bytes] = field(default_factory=dict)  # key id -> authorization key
    logins: dict[bytes, int] = field(default_factory=dict)  # key id -> bot id
    key_dcs: dict[bytes, int] = field(default_factory=dict)  # key id -> data centre, where it is not HOME_DC
    main_sessions: set[tuple[bytes, bytes]] = field(default_factory=set)  # (key id, session id) that get updates

    def box_of(self, peer: Peer) -> Box:
        """Return the box that counts this conversation."""
        return self.channels[peer.id] if peer.kind == "channel" else self.common

    def number(self) -> int:
        """Return a number that was not used before."""
        self.last_number += 1
        return self.last_number

    def peer_number(self) -> int:
        """Return an id for a user or chat."""
        self.last_peer += 1
        return self.last_peer

    def visible(self, peer: Peer) -> list[Message]:
        """Return what a person sees in the conversation, top to bottom."""
        return [message for message in self.talks.get(peer, ()) if not message.deleted]

    def post(self, message: Message) -> Change:
        """Put a message into its box."""
        box = self.box_of(message.peer)
        box.messages[message.id] = message
        box.changed_s = max(box.changed_s, message.date)
        self.talks.setdefault(message.peer, []).append(message)
        return box.change("new", message.id)

    def edit(self, message: Message, *, text: str, entities: tuple[Entity, ...], now_s: int) -> Change:
        """Give a message other words."""
        message.earlier.append(message.text)
        message.text, message.entities, message.edit_date = text, entities, now_s
        box = self.box_of(message.peer)
        box.changed_s = max(box.changed_s, now_s)
        return box.change("edit", message.id)

    def is_named(self, peer: Peer, secret: int) -> bool:
        """Say whether a channel is named as it has to be: a bot that is in it may leave the access hash out."""
        if peer not in self.chats:
            return False
        return secret == access_hash("channel", peer.id) or (secret == 0 and self.chats[peer].joined_s is not None)

    def delete(self, box: Box, ids: list[int]) -> Change | None:
        """Take messages away. Returns None when none of them was there."""
        there = [i for i in ids if i in box.messages and not box.messages[i].deleted]
        for i in there:
            box.messages[i].deleted = True
        return box.change("delete", *there) if there else None


def access_hash(kind: str, number: int) -> int:
    """Return the secret that goes with an id, signed 64 bits: the same in every run."""
    digest = hashlib.sha256(f"{kind} {number}".encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)

"""What a person may type in the console besides plain text, and to whom it goes."""

import shlex
from pathlib import Path
from typing import Final, Literal

from .people import Place
from .samples import PHOTO
from .server import DataCentre
from .world import Chat, Message, Peer, User

HELP = """\
A line is said where you are; what begins with a slash and is not listed here goes to the bot, like /start.
  /to NAME        go to alice, bob (in private), group, forum; or to "group bob": as Bob in the group
  /edit TEXT      edit your last message there        /delete         delete it
  /reply TEXT     reply to the bot's last message     /press BUTTON   press a button of it
  /photo [PATH] [CAPTION]   /document PATH   /voice [PATH]   /sticker [EMOJI or PATH]   /album [PATHS]
  /save PATH      keep the file of the bot's last message that has one
  /block  /unblock  the bot                           /cut            cut the bot's connections
  /wait           wait until the bot has answered     /quit           end"""

_MADE_AS: Final[dict[str, Literal["tgs", "webm"]]] = {".tgs": "tgs", ".webm": "webm"}


class Commands:
    """A cast of two people, a group and a forum; one of the people is played at a time."""

    def __init__(self, dc: DataCentre) -> None:
        self._dc = dc
        users = {user.name: user for user in dc.world.users.values() if not user.bot}
        chats = {chat.title: chat for chat in dc.world.chats.values()}
        self._people = {name.lower(): users.get(name) or dc.add_user(name) for name in ("Alice", "Bob")}
        members = list(self._people.values())
        self._chats = {
            "group": chats.get("Group") or dc.add_group("Group", members),
            "forum": chats.get("Forum") or dc.add_supergroup("Forum", members, forum=True),
        }
        forum = self._chats["forum"]
        self._topic = next((dc.world.box_of(forum.peer).messages[number] for number in forum.topics), None)
        self._person = self._people["alice"]
        self._place: User | Chat = self._person
        self._last: dict[tuple[Peer, int], Message] = {}

    def prompt(self) -> str:
        """Return who speaks where."""
        return f"{self._person.name}> " if self._place == self._person else f"{self._person.name} in {self._title()}> "

    def where(self) -> str:
        """Say where one is."""
        return f"You are {self._person.name}, {'in private' if self._place == self._person else f'in {self._title()}'}."

    def name_of(self, peer: Peer) -> str:
        """Return a chat's name."""
        if peer in self._dc.world.chats:
            return self._dc.world.chats[peer].title
        return self._dc.world.users[peer.id].name

    def perform(self, line: str) -> str:
        """Do what a line says. Returns what there is to tell, mostly nothing."""
        command, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        try:
            match command:
                case "/to":
                    return self._go(rest.lower().split())
                case "/edit" | "/delete" | "/reply" | "/press":
                    return self._about_earlier(command, rest)
                case "/photo" | "/album" | "/sticker" | "/voice" | "/document":
                    self._send(command, shlex.split(rest))
                case "/save":
                    return self._save(rest)
                case "/block":
                    self._dc.blocks(self._person)
                case "/unblock":
                    self._dc.unblocks(self._person)
                case "/cut":
                    return f"({self._dc.cut_connections()} connections cut)"
                case _:
                    self._note(self._dc.says(self._where(), line, by=self._person))
        except (OSError, ValueError) as error:
            return f"({error})"
        return ""

    def _go(self, names: list[str]) -> str:
        if not names or not all(name in self._people or name in self._chats for name in names):
            return f"(there are {', '.join([*self._people, *self._chats])})"
        for name in names:
            self._person = self._people.get(name, self._person)
        self._place = next((self._chats[name] for name in names if name in self._chats), self._person)
        return self.where()

    def _about_earlier(self, command: str, rest: str) -> str:
        theirs = [message for message in self._dc.visible(self._place) if message.out]
        mine = self._last.get((self._place.peer, self._person.id))
        if (mine if command in {"/edit", "/delete"} else theirs) in (None, []):
            return "(there is none yet)"
        if command == "/edit" and mine is not None:
            self._dc.edits(mine, rest)
        elif command == "/delete" and mine is not None:
            self._dc.deletes(mine)
        elif command == "/reply":
            self._note(self._dc.says(self._where(), rest, by=self._person, reply_to=theirs[-1]))
        else:
            self._dc.presses(theirs[-1], rest.encode(), by=self._person)
        return ""

    def _save(self, path: str) -> str:
        files = [message for message in self._dc.visible(self._place) if message.out and message.media]
        if not files or not path:
            return "(there is none yet)" if path else "(say where: /save PATH)"
        return f"({Path(path).expanduser().write_bytes(self._dc.content(files[-1]))} bytes kept in {path})"

    def _send(self, command: str, words: list[str]) -> None:
        where, by = self._where(), self._person
        contents = [path.read_bytes() for word in words if (path := Path(word).expanduser()).is_file()]
        first = Path(words[0]) if words else Path()
        if words and not contents and command in {"/photo", "/document", "/album", "/voice"}:
            raise FileNotFoundError(2, "No such file", words[0])
        if command == "/photo":
            self._note(self._dc.sends_photo(where, contents[0] if contents else PHOTO, " ".join(words[1:]), by=by))
        elif command == "/album":
            self._note(self._dc.sends_album(where, contents or [PHOTO, PHOTO], by=by)[0])
        elif command == "/voice":
            self._note(self._dc.sends_voice(where, *contents[:1], by=by))
        elif command == "/document":
            if not contents:
                raise ValueError("say which file")
            self._note(self._dc.sends_document(where, contents[0], first.name, by=by))
        else:
            emoji = "😀" if contents or not words else words[0]
            made_as: Literal["webp", "tgs", "webm"] = _MADE_AS.get(first.suffix, "webp")
            content = contents[0] if contents else None
            self._note(self._dc.sends_sticker(where, emoji, made_as=made_as, content=content, by=by))

    def _where(self) -> Place:
        """Return where to speak; the forum's one topic is opened when it is first needed."""
        if self._place != self._chats["forum"]:
            return self._place
        if self._topic is None:
            self._topic = self._dc.add_topic(self._chats["forum"], "Anything", by=self._person)
        return self._topic

    def _note(self, message: Message) -> None:
        self._last[message.peer, message.sender] = message

    def _title(self) -> str:
        return self._place.title if isinstance(self._place, Chat) else self._place.name

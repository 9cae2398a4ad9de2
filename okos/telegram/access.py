"""Who may talk to the bot, and when a message in a group is for it. Pure.

chat      `users` empty                       `users` named
private   everybody                           users and admins
group     `groups` empty: as in private, by who writes; else everybody in these groups, and admins anywhere
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from okos.telegram.address import chat_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from okos.telegram.reading import Incoming

Role = Literal["user", "admin"]

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may, by the numbers that Telegram gives to users and groups."""

    users: Collection[int]
    admins: Collection[int]
    groups: Collection[int]

    def role(self, incoming: Incoming) -> Role | None:
        """What the sender may in this chat; None: nothing."""
        if incoming.sender in self.admins:
            return "admin"
        if incoming.place != "user" and self.groups:
            return "user" if chat_id(incoming.place, incoming.place_id) in self.groups else None
        return "user" if not self.users or incoming.sender in self.users else None


def command_of(text: str, *, username: str) -> str | None:
    """Name the command that a text begins with, in lower case; None if it begins with none, or with another bot's."""
    found = _COMMAND.match(text)
    if found is None or (found.group(2) or username).lower() != username.lower():
        return None
    return found.group(1).lower()


def is_for_us(incoming: Incoming, *, bot_id: int, username: str) -> bool:
    """Tell whether a message in a group speaks to the bot.

    Args:
        incoming: The message.
        bot_id: The bot's number.
        username: The bot's name without the @.
    """
    if incoming.text.startswith("/"):
        return command_of(incoming.text, username=username) is not None
    name = f"@{username}".lower()
    named = name in incoming.text.lower() and re.search(
        rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", incoming.text.lower()
    )
    return bool(named) or incoming.mentioned or bot_id in incoming.mentions


def without_our_name(text: str, *, username: str) -> str:
    """Take the bot's name away where it only calls: before or after all else, and behind a command."""
    name = re.escape(f"@{username}")
    text = re.sub(rf"^(/[A-Za-z0-9_]+){name}\b", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(rf"^\s*{name}\b[\s,:]*", "", text, flags=re.IGNORECASE)
    # Without a pattern for the spaces before it, which would be tried from each space of a text that is full of them.
    at_the_end = re.search(rf"{name}\s*$", text, flags=re.IGNORECASE)
    return text if at_the_end is None else text[: at_the_end.start()].rstrip()

"""Saying something in a chat: one call at a time, each of which may be made again without being said twice.

A send carries a random id that is the same however often it is made: Telegram answers a repeat with the first message.
So an answer of Telegram's that was lost is had by asking again. What is to be done about an error is `verdict.py`'s to
say: what can be repaired is repaired here, the rest is raised. All of this runs on the event loop of the client.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.errors import OkosError
from okos.telegram.library import REPLY_OBJECT, F, Refused, T
from okos.telegram.verdict import STILL_SENDING, Action, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.telegram.address import Address
    from okos.telegram.client import Client
    from okos.telegram.markup import Marked, Span
    from okos.telegram.pace import Pace

#: Whether the library can show a draft: a text that a private chat sees and that is no message.
DRAFTS: bool = hasattr(T, "SendMessageTextDraftAction")

#: How often a send is asked for that Telegram still works on, and how long it is asked for.
_ASK_AGAIN_S = 0.5
_ASK_FOR_S = 10.0

_ENTITIES = {
    "bold": "MessageEntityBold",
    "italic": "MessageEntityItalic",
    "underline": "MessageEntityUnderline",
    "strikethrough": "MessageEntityStrike",
    "spoiler": "MessageEntitySpoiler",
    "blockquote": "MessageEntityBlockquote",
    "code": "MessageEntityCode",
    "pre": "MessageEntityPre",
    "text_link": "MessageEntityTextUrl",
}


class Later(OkosError):
    """It was not said, or nobody knows whether it was; it may be said again after a while.

    Attributes:
        wait_ms: After how long; None: after the pause that such a failure makes.
        cause: What was in the way.
    """

    def __init__(self, cause: Exception | None, *, wait_ms: int | None = None) -> None:
        self.wait_ms = wait_ms
        self.cause = cause
        super().__init__("the pace" if cause is None else str(cause) or type(cause).__name__)


class GivenUp(OkosError):
    """It cannot be said in this chat; no repetition will change that."""


class FileRefused(OkosError):
    """This file cannot be said as it is.

    Attributes:
        parts: Whether it is only that Telegram does not have all its parts.
    """

    def __init__(self, message: str, *, parts: bool) -> None:
        self.parts = parts
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is in the chat. `text` is what it holds if Telegram told, as it does for a repeated send."""

    id: int
    text: str | None


def random_id(*names: object) -> int:
    """Name a send by what makes it one: signed 64 bits, as Telegram has them."""
    digest = hashlib.sha256("\x00".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


class Sender:
    """Says things, in its turn.

    Args:
        client: Through which.
        pace: When it may be.
        now_ms: A clock that never goes back.
        answer_s: How long Telegram has to answer.
        is_sure: Tells whether this process is still the bot's gateway, for sure.
    """

    def __init__(
        self, client: Client, pace: Pace, *, now_ms: Callable[[], int], answer_s: float, is_sure: Callable[[], bool]
    ) -> None:
        self._client = client
        self._is_sure = is_sure
        self._answer_s = answer_s
        self._pace = pace
        self._now_ms = now_ms

    async def say(
        self,
        address: Address,
        piece: Marked,
        name: int,
        media: Any = None,  # Any: generated
        *,
        waits: bool = True,
    ) -> int:
        """Say a text, or a file with its caption; returns the message's id.

        Args:
            address: Where.
            piece: The text, that of one message.
            name: The random id: the same for the same text, however often.
            media: The file, whose parts Telegram has.
            waits: In its turn; False: in the turn of what was just refused.

        Raises:
            Later: It may have been said; say it again, by the same name.
            GivenUp: It cannot be said there.
            FileRefused: The file cannot be said as it is; another form of it can, by the same name.
        """
        if waits:
            self._wait_turn(address)
        shown, quotes = piece, address.quotes
        deadline = asyncio.get_running_loop().time() + _ASK_FOR_S
        while True:
            try:
                said = await self.send(address, shown, name, quotes=quotes, media=media)
            except (Refused, OSError, TimeoutError) as error:
                action = judge(error, tries=0).action
                if isinstance(error, Refused) and error.name == STILL_SENDING:
                    if asyncio.get_running_loop().time() > deadline:
                        raise Later(error) from error
                    await asyncio.sleep(_ASK_AGAIN_S)
                elif action is Action.PLAIN and shown.spans:
                    shown = shown.plain
                elif action in {Action.NO_REPLY, Action.GONE} and quotes:
                    quotes = False
                else:
                    raise self._problem(address, error, of_file=media is not None) from error
            else:
                break
        if media is None and said.text is not None and said.text.strip() != shown.text.strip():
            # Said before, with other words: a preview. If somebody deleted it since, that is no reason to say it again.
            await self.edit(address, said.id, shown, waits=False)
        return said.id

    async def edit(self, address: Address, message_id: int, piece: Marked, *, waits: bool = True) -> bool:
        """Give a message other words; False if it is not there any more.

        Raises:
            Later: It may have been done; do it again.
            GivenUp: Nothing can be done there.
        """
        if waits:
            self._wait_turn(address)
        shown = piece
        while True:
            try:
                await self.change(address, message_id, shown)
            except (Refused, OSError, TimeoutError) as error:
                action = judge(error, tries=0).action
                if action is Action.DELIVERED:
                    return True
                if action in {Action.GONE, Action.NO_REPLY}:
                    return False
                if action is not Action.PLAIN or not shown.spans:
                    raise self._problem(address, error) from error
                shown = shown.plain
            else:
                return True

    async def delete(self, address: Address, message_id: int) -> None:
        """Take a message of ours away; one that is gone is no error.

        Raises:
            Later: It may have been done; do it again.
            GivenUp: Nothing can be done there.
        """
        ids = [message_id]
        try:
            if address.kind == "channel":
                channel = T.InputChannel(channel_id=address.id, access_hash=address.access_hash)
                await self._call(F.channels.DeleteMessages(channel=channel, id=ids))
            else:
                await self._call(F.messages.DeleteMessages(id=ids, revoke=True))
        except (Refused, OSError, TimeoutError) as error:
            if judge(error, tries=0).action is not Action.GONE:
                raise self._problem(address, error) from error

    async def upload(self, address: Address, part: Any) -> None:  # Any: generated
        """Give Telegram a part of a file that will be said there.

        Raises:
            Later: It may have it; give it again.
            FileRefused: It does not take it.
            GivenUp: Nothing can be done there.
        """
        try:
            await self._client.upload(part)
        except (Refused, OSError, TimeoutError) as error:
            raise self._problem(address, error, of_file=True) from error

    # -- one call, whatever it comes to -------------------------------------------------------------------------------

    async def send(
        self, address: Address, piece: Marked, name: int, *, quotes: bool, media: Any = None
    ) -> Said:  # Any: generated
        """Make the call that says a text or a file, once.

        Raises:
            Refused: Telegram's answer is an error.
            TimeoutError: No answer.
            OSError: The line broke.
        """
        about = {
            "peer": address.input_peer,
            "message": piece.text,
            "random_id": name,
            "entities": _entities(piece.spans),
            **_place(address, quotes=quotes),
        }
        query = F.messages.SendMessage(**about) if media is None else F.messages.SendMedia(media=media, **about)
        return _said(await self._call(query), name)

    async def change(self, address: Address, message_id: int, piece: Marked) -> None:
        """Make the call that gives a message other words, once; raises as `send` does."""
        await self._call(
            F.messages.EditMessage(
                peer=address.input_peer, id=message_id, message=piece.text, entities=_entities(piece.spans)
            )
        )

    async def type(self, address: Address) -> None:
        """Make the call that shows that the bot is typing, once; raises as `send` does."""
        action = T.SendMessageTypingAction()
        await self._call(F.messages.SetTyping(peer=address.input_peer, action=action, top_msg_id=address.topic))

    async def draft(self, address: Address, name: int, piece: Marked) -> None:
        """Make the call that shows what will be said, once, where the client has it; raises as `send` does."""
        text = T.TextWithEntities(text=piece.text, entities=_entities(piece.spans) or [])
        action = T.SendMessageTextDraftAction(random_id=name, text=text)
        await self._call(F.messages.SetTyping(peer=address.input_peer, action=action, top_msg_id=address.topic))

    async def _call(self, query: Any) -> Any:  # Any: generated
        if not self._is_sure():
            # It slept, or the store is away: another one may be saying the same.
            raise ConnectionError("this process may not be the gateway any more")
        return await self._client.call(query, timeout_s=self._answer_s)

    def _wait_turn(self, address: Address) -> None:
        wait_ms = self._pace.take(address.chat, is_group=address.is_group, now_ms=self._now_ms())
        if wait_ms:
            raise Later(None, wait_ms=wait_ms)

    def _problem(self, address: Address, error: Exception, *, of_file: bool = False) -> OkosError:
        """Say how an error ends a call; a chat that wants to be left alone is."""
        verdict = judge(error, tries=0)
        if verdict.action in {Action.LATER, Action.STOP}:
            told_ms = error.wait_ms if isinstance(error, Refused) else None
            if told_ms is not None:
                self._pace.hold(address.chat, is_group=address.is_group, wait_ms=told_ms, now_ms=self._now_ms())
            return Later(error, wait_ms=told_ms)
        if of_file and verdict.action in {Action.UPLOAD, Action.OTHER_FORM}:
            return FileRefused(str(error), parts=verdict.action is Action.UPLOAD)
        return GivenUp(str(error))


def _place(address: Address, *, quotes: bool) -> dict[str, Any]:  # Any: generated
    """Say what a message answers and in which topic, as the layer of the library has it."""
    answered = address.message if quotes else address.topic
    if answered is None:
        return {}
    topic = address.topic if quotes else None
    if REPLY_OBJECT:
        return {"reply_to": T.InputReplyToMessage(reply_to_msg_id=answered, top_msg_id=topic)}
    return {"reply_to_msg_id": answered, "top_msg_id": topic}


def _entities(spans: tuple[Span, ...]) -> list[Any] | None:  # Any: generated
    """Write spans as the wire has them; None for none: an absent vector is absent, never empty."""
    return [_entity(span) for span in spans] or None


def _entity(span: Span) -> Any:  # Any: generated
    more = {"pre": {"language": span.language}, "text_link": {"url": span.url}}.get(span.kind, {})
    return getattr(T, _ENTITIES[span.kind])(offset=span.offset, length=span.length, **more)


def _said(answer: Any, name: int) -> Said:  # Any: generated
    """Read which message a send has made, or had made before.

    Raises:
        TimeoutError: The answer names none: as good as none.
    """
    if isinstance(answer, T.UpdateShortSentMessage):
        return Said(answer.id, None)
    updates = list(getattr(answer, "updates", ()))
    found = next((one.id for one in updates if isinstance(one, T.UpdateMessageID) and one.random_id == name), None)
    if found is None:
        raise TimeoutError(f"Telegram answers a send with {type(answer).__name__}")
    messages = (one.message for one in updates if isinstance(one, T.UpdateNewMessage | T.UpdateNewChannelMessage))
    return Said(found, next((one.message for one in messages if one.id == found), None))

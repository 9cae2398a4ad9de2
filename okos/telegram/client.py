"""The client: the library's, with what it does beside the wire taken away.

Updates go into the inbox as they come, not through the library's dispatcher, which runs the handlers of one chat at
the same time. A call is made once: repeating is for whoever knows whether that is safe. What the library would repeat
for ever (a key that Telegram has forgotten, a session that another process uses) ends the client with an error.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import structlog
from pyrogram import Client as LibraryClient
from pyrogram.crypto import rsa
from pyrogram.errors import RPCError

from okos.errors import OkosError
from okos.telegram.fetch import FileLines
from okos.telegram.inbox import Inbox, Mark
from okos.telegram.library import F, Refused, T, refused
from okos.telegram.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.telegram.key import PublicKey
    from okos.telegram.reading import File

_log = structlog.get_logger()

_UNAUTHORIZED = 401
#: With these there is nothing more to say to Telegram in this session.
_ENDS_SESSION = ("AUTH_KEY_DUPLICATED", "ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_EXPIRED", "API_ID_INVALID")
_CLOSE_S = 5.0


class NoHandshake(OkosError):
    """What answers is not the data centre that it should be."""


class SessionForgotten(OkosError):
    """The data centre does not know the key of the session."""


def monotonic_ms() -> int:
    """Tell the time on a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


def ends_session(error: Refused) -> bool:
    """Tell whether this session can do nothing more, whatever is asked of it."""
    return error.code == _UNAUTHORIZED or error.name in _ENDS_SESSION


class Client(LibraryClient):  # type: ignore[misc]  # the library has no types
    """A bot's connection to Telegram. Made on the event loop that it is used on; made is not yet connected.

    Args:
        token: The bot's, as BotFather gave it.
        api_id: The application's.
        api_hash: The application's.
        session: What `export` gave in an earlier life; None signs in anew.
        address: Where the data centre is; None: Telegram's own.
        key: The key of that data centre.
        inbox: Where updates go.

    Attributes:
        line: The way to the data centre.
        failed: Is done, with the error, once this session is of no more use.
        bot_id: The bot's number.
        username: The bot's name without the @; known once open.
    """

    def __init__(
        self,
        *,
        token: str,
        api_id: int,
        api_hash: str,
        session: str | None,
        address: tuple[str, int] | None = None,
        key: PublicKey | None = None,
        inbox: Inbox,
    ) -> None:
        super().__init__(
            "okos",
            api_id=api_id,
            api_hash=api_hash,
            bot_token=token,
            session_string=session,
            in_memory=True,
            workers=1,
            sleep_threshold=0,
            app_version="Okos",
        )
        self.bot_id = int(token.partition(":")[0])
        self.username = ""
        self.inbox = inbox
        self.line = Line(address, now_ms=monotonic_ms)
        self.failed: asyncio.Future[None] = self.loop.create_future()
        self._token = token
        self._dropped: asyncio.Future[None] = self.loop.create_future()
        self._files = FileLines(self)
        self._closing = False
        self.disconnect_handler = self._on_disconnect
        if key is not None:
            rsa.server_public_keys[key.fingerprint] = rsa.PublicKey(key.n, key.e)

    # -- opening and closing ------------------------------------------------------------------------------------------

    async def open(self) -> bool:
        """Connect; says whether the session is signed in. Goes on trying while there is no network.

        Raises:
            SessionForgotten: The data centre does not know the session's key.
            NoHandshake: It is no data centre, or not the one whose key we have.
            Refused: Telegram does not let this session in.
        """
        while True:
            try:
                is_signed_in = await self._connected()
            except OSError as error:
                # The line waits before the next one, and knows why.
                self.line.trouble = self.line.trouble or str(error) or "the line broke"
            else:
                self._watch_restarts()
                return is_signed_in

    async def _connected(self) -> bool:
        with self.line.used():
            connecting = asyncio.ensure_future(self.connect())
        forgotten = asyncio.ensure_future(self.line.forgotten.wait())
        try:
            await asyncio.wait({connecting, forgotten}, return_when=asyncio.FIRST_COMPLETED)
            if not forgotten.done():
                return bool(await connecting)
        except (OSError, asyncio.CancelledError):
            raise
        except RPCError as error:
            raise refused(error) from error
        except Exception as error:
            # The library raises nothing more special when a key or a proof is wrong.
            raise NoHandshake(f"no handshake with the data centre: {error}; is its key the right one?") from error
        finally:
            for one in (connecting, forgotten):
                one.cancel()
            await asyncio.wait({connecting, forgotten})
        raise SessionForgotten("Telegram does not know this session any more")

    async def sign_in(self) -> None:
        """Sign the bot in by its token, once: Telegram answers too many of these with waits of half an hour.

        Raises:
            Refused: Telegram does not accept the token or the application, or wants to be left alone.
        """
        try:
            with self.line.used():
                await self.sign_in_bot(self._token)
        except RPCError as error:
            raise refused(error) from error
        self._watch_restarts()

    async def export(self) -> str:
        """Give the session as text: whoever has it is signed in as this bot."""
        return str(await self.export_session_string())

    async def close(self) -> None:
        """Close the line. The session stays valid. Closing it again changes nothing."""
        if self._closing:
            return
        self._closing = True
        # Beside the other: what is stuck on a line for files must not keep this session in use.
        closing = asyncio.ensure_future(self._files.close())
        # A session that is just connecting may hold this up, or end with what broke it: its sockets end with us.
        if self.session is not None:
            stopping = asyncio.ensure_future(self.session.stop())
            await asyncio.wait({stopping}, timeout=_CLOSE_S)
            if not stopping.cancel() and not stopping.cancelled() and stopping.exception() is not None:
                _log.debug("line closed", reason=repr(stopping.exception()))
        await closing
        with suppress(OSError, AttributeError):
            await self.storage.close()
        if not self.failed.cancel() and not self.failed.cancelled():
            self.failed.exception()  # who asked last has said it; else it would be logged when the loop ends

    def fail(self, error: OkosError) -> None:
        """Give this session up; who waits for `failed` ends the gateway."""
        if not self.failed.done():
            self.failed.set_exception(error)

    # -- calling ------------------------------------------------------------------------------------------------------

    async def call(self, query: Any, *, timeout_s: float = 5.0) -> Any:  # Any: generated
        """Ask Telegram once. What the answer says of the state of a box goes into the inbox.

        Raises:
            Refused: Telegram's answer is an error.
            TimeoutError: No answer in time, or the call was not understood; it may have been done.
            OSError: The line broke, or there is none; it may have been done.
        """
        async with asyncio.timeout(timeout_s):
            await self.session.is_started.wait()
            answer = await self._sent(query, timeout_s)
        if isinstance(answer, T.BadMsgNotification):
            raise TimeoutError(f"Telegram did not take the call: {answer.error_code}")
        if isinstance(answer, T.Updates | T.UpdatesCombined | T.UpdateShortSentMessage | T.UpdateShort):
            self.inbox.put(answer)
        if isinstance(answer, T.messages.AffectedMessages) and answer.pts_count:
            self.inbox.put(_deletion_of(query, answer))
        return answer

    async def _sent(self, query: Any, timeout_s: float) -> Any:  # Any: generated
        results = self.session.results
        numbers: list[int] = []
        token = _numbers.set(numbers)
        sending = asyncio.ensure_future(self.session.send(query, timeout=timeout_s))
        _numbers.reset(token)
        # The library forgets a call when its own time is over, but not one that is given up before.
        sending.add_done_callback(lambda _: [results.pop(number, None) for number in numbers])
        dropped = self._dropped
        try:
            await asyncio.wait({sending, dropped}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ConnectionError("the line to Telegram broke before the answer")
            return await sending
        except RPCError as error:
            problem = refused(error)
            if ends_session(problem):
                self.fail(problem)
            raise problem from error
        finally:
            sending.cancel()

    async def fetch(self, file: File) -> bytes:
        """Fetch a file, over a line of its own.

        Raises:
            Refused: Telegram's answer is an error.
            TimeoutError: No answer in time.
            OSError: The line broke.
        """
        return await self._files.fetch(file)

    async def upload(self, part: Any) -> None:  # Any: generated
        """Give Telegram a part of a file, over a line of its own.

        Raises:
            Refused: Telegram's answer is an error.
            TimeoutError: No answer in time.
            OSError: The line broke.
        """
        await self._files.upload(part)

    @property
    def is_online(self) -> bool:
        """Whether there is a line now."""
        return self.session is not None and bool(self.session.is_started.is_set())

    # -- what the library calls ---------------------------------------------------------------------------------------

    async def handle_updates(self, updates: Any) -> None:  # Any: generated
        """Take in what came. No await: the order of the tasks that call this is the order of the wire."""
        self.inbox.put(updates)

    async def _on_disconnect(self, _: object, session: object = None) -> None:
        if session not in (None, self.session):
            return  # a line for files
        dropped, self._dropped = self._dropped, self.loop.create_future()
        if not dropped.done():
            dropped.set_result(None)
        if not self._closing:
            self.inbox.put(Mark.RECONNECTED)

    def _watch_restarts(self) -> None:
        """See the error that ends a session when the library starts it again: it would be lost in a task."""
        session = self.session
        if getattr(session, "okos", False):
            return
        session.okos = True
        session.results = _Results(session.results)
        start: Callable[[], Any] = session.start

        async def watched() -> None:
            try:
                await start()
            except RPCError as error:
                self.fail(refused(error))
                raise

        session.start = watched
        forgotten = asyncio.ensure_future(self.line.forgotten.wait())

        def give_up(_: object) -> None:
            if not forgotten.cancelled():
                self.fail(SessionForgotten("Telegram does not know this session any more"))

        forgotten.add_done_callback(give_up)
        self.failed.add_done_callback(lambda _: forgotten.cancel())


#: The numbers of the messages that a call was made with: another one for each try.
_numbers: ContextVar[list[int] | None] = ContextVar("okos_telegram_numbers", default=None)


class _Results(dict[int, Any]):  # Any: the library's
    """What answers the library waits for, by the numbers of its messages; tells whoever calls their number."""

    def __setitem__(self, number: int, result: Any) -> None:
        super().__setitem__(number, result)
        numbers = _numbers.get()
        if numbers is not None:
            numbers.append(number)


def _deletion_of(query: Any, answer: Any) -> Any:  # Any: generated
    """Put what a deletion of ours did to its box as an update does; its messages are the bot's, and no turn's."""
    place = {"messages": [], "pts": answer.pts, "pts_count": answer.pts_count}
    if isinstance(query, F.channels.DeleteMessages):
        update = T.UpdateDeleteChannelMessages(channel_id=query.channel.channel_id, **place)
    else:
        update = T.UpdateDeleteMessages(**place)
    return T.UpdateShort(update=update, date=0)


def self_query() -> Any:  # Any: generated
    """Ask who we are."""
    return F.users.GetFullUser(id=T.InputUserSelf())

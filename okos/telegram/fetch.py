"""Fetching and uploading files: over a line of their own, so that nothing else waits; one call for each part.

The library has this too, but swallows what Telegram answers: an expired reference, another data centre.

A line that cannot be opened is not tried again at once, however many files wait for it: whoever wants it meanwhile is
told so, and comes again. A data centre that hangs keeps the files of no other one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pyrogram.errors import RPCError

from okos.telegram.library import F, Refused, T, refused
from okos.telegram.line import Line

if TYPE_CHECKING:
    from okos.telegram.client import Client
    from okos.telegram.reading import File

_PART_BYTES = 1024 * 1024
_ANSWER_S = 30.0
_CALL_S = 25.0
_FIRST_REST_S = 0.5
#: Less than the attempts at one file take together: each file has at least one that is made.
_LONGEST_REST_S = 4.0
_CLOSE_S = 5.0


def rest_s(failures: int) -> float:
    """How long a line is left alone after it could not be opened so many times in a row."""
    return min(_LONGEST_REST_S, _FIRST_REST_S * (1 << min(failures - 1, 10)))


class FileLines:
    """The lines that files go over: one for each data centre that had one.

    Args:
        client: Whose right it is.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._closed = False
        self._sessions: dict[int, Any] = {}  # Any: the library's
        self._opening: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failures: dict[int, int] = {}
        self._rests_until_s: dict[int, float] = {}

    async def fetch(self, file: File) -> bytes:
        """Fetch a file.

        Raises:
            Refused: Telegram's answer is an error.
            TimeoutError: No answer in time.
            OSError: The line broke.
        """
        place = {"id": file.id, "access_hash": file.access_hash, "file_reference": file.reference}
        location = (
            T.InputPhotoFileLocation(**place, thumb_size=file.size_name)
            if file.photo
            else T.InputDocumentFileLocation(**place, thumb_size="")
        )
        content, dc = bytearray(), file.dc
        while True:
            query = F.upload.GetFile(location=location, offset=len(content), limit=_PART_BYTES)
            try:
                part = await self._call(dc, query)
            except Refused as problem:
                if problem.name != "FILE_MIGRATE_X" or problem.value in (None, dc):
                    raise
                dc = problem.value or dc
                continue
            if not isinstance(part, T.upload.File):
                # A file that is asked for very often is moved to servers of another kind; no message of a person is.
                raise Refused(400, "FILE_ON_CDN")
            content += part.bytes
            if len(part.bytes) < _PART_BYTES:
                return bytes(content)

    async def upload(self, part: Any) -> None:  # Any: generated
        """Give the bot's own data centre a part of a file; raises as `fetch` does."""
        self._require_open()
        await self._call(await self._client.storage.dc_id(), part)

    async def close(self) -> None:
        """Close the lines for good; whoever waits for one, or comes for one, is cancelled."""
        self._closed = True
        sessions, self._sessions = list(self._sessions.values()), {}
        stopping = [asyncio.ensure_future(session.stop()) for session in sessions]
        if stopping:
            # One that a part of a file is stuck in ends when its socket does.
            await asyncio.wait(stopping, timeout=_CLOSE_S)
        for one in stopping:
            one.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)

    async def _call(self, dc: int, query: Any) -> Any:  # Any: generated
        async with asyncio.timeout(_ANSWER_S):
            try:
                session = await self._session(dc)
                await session.is_started.wait()
                # Sooner than what is around it: the library forgets a call only when its own time is over.
                return await session.send(query, timeout=_CALL_S)
            except RPCError as error:
                raise refused(error) from error

    async def _session(self, dc: int) -> Any:  # Any: the library's
        async with self._opening[dc]:
            self._require_open()
            if dc not in self._sessions:
                now_s = asyncio.get_running_loop().time()
                if now_s < self._rests_until_s.get(dc, now_s):
                    raise ConnectionError(f"the line for files to data centre {dc} could not be opened a moment ago")
                try:
                    # One of its own: what is wrong with it must not keep the client's from connecting.
                    with Line(self._client.line.address, now_ms=self._client.line.now_ms).used():
                        self._sessions[dc] = await self._opened(dc)
                except AttributeError as error:
                    # The library closes a connection that it does not have yet.
                    self._rest(dc)
                    raise ConnectionError(f"no line for files to data centre {dc}") from error
                except BaseException:  # the time given to it is over, too
                    self._rest(dc)
                    raise
                self._failures.pop(dc, None)
                if self._closed:
                    await self._sessions.pop(dc).stop()
                    self._require_open()
            return self._sessions[dc]

    def _require_open(self) -> None:
        """Raise `CancelledError` once all is closed: it is no failure of the file, which the next gateway has."""
        if self._closed:
            raise asyncio.CancelledError

    def _rest(self, dc: int) -> None:
        self._failures[dc] = self._failures.get(dc, 0) + 1
        self._rests_until_s[dc] = asyncio.get_running_loop().time() + rest_s(self._failures[dc])

    async def _opened(self, dc: int) -> Any:  # Any: the library's
        """Open a session for files, in the way of either library."""
        client = self._client
        if hasattr(client, "get_session"):
            try:
                return await client.get_session(dc, is_media=True)
            except BaseException:
                # The library has noted the session already, and would give it the next time: not signed in.
                for kept in (client.sessions, client.media_sessions):
                    if unfinished := kept.pop(dc, None):
                        with suppress(OSError, AttributeError):
                            await unfinished.stop()
                raise
        from pyrogram.session import Auth, Session  # noqa: PLC0415 - kurigram's take other arguments

        storage = client.storage
        test_mode, home = await storage.test_mode(), await storage.dc_id()
        key = await storage.auth_key() if dc == home else await Auth(client, dc, test_mode).create()
        session = Session(client, dc, key, test_mode, is_media=True)
        try:
            await session.start()
            if dc != home:
                right = await client.call(F.auth.ExportAuthorization(dc_id=dc))
                await session.send(F.auth.ImportAuthorization(id=right.id, bytes=right.bytes))
        except BaseException:
            # Nobody would know of it: each attempt would leave a line and its tasks behind.
            with suppress(OSError, AttributeError):  # it has no connection yet
                await session.stop()
            raise
        return session

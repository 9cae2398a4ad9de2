"""Fetching a file: over a line of its own, so that what arrives is not kept waiting; one call for each part.

The library has this too, but swallows what Telegram answers: an expired reference, another data centre.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pyrogram.errors import RPCError

from okos.telegram.library import F, Refused, T, refused

if TYPE_CHECKING:
    from okos.telegram.client import Client
    from okos.telegram.reading import File

_PART_BYTES = 1024 * 1024
_ANSWER_S = 30.0


class FileLines:
    """The lines that files are fetched over: one for each data centre that had one.

    Args:
        client: Whose right it is.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sessions: dict[int, Any] = {}  # Any: the library's
        self._opening = asyncio.Lock()

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

    async def close(self) -> None:
        """Close the lines."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.stop() for session in sessions), return_exceptions=True)

    async def _call(self, dc: int, query: Any) -> Any:  # Any: generated
        async with asyncio.timeout(_ANSWER_S):
            try:
                session = await self._session(dc)
                await session.is_started.wait()
                return await session.send(query, timeout=_ANSWER_S)
            except RPCError as error:
                raise refused(error) from error

    async def _session(self, dc: int) -> Any:  # Any: the library's
        async with self._opening:
            if dc not in self._sessions:
                with self._client.line.used():
                    self._sessions[dc] = await self._opened(dc)
            return self._sessions[dc]

    async def _opened(self, dc: int) -> Any:  # Any: the library's
        """Open a session for files, in the way of either library."""
        client = self._client
        if hasattr(client, "get_session"):
            return await client.get_session(dc, is_media=True)
        from pyrogram.session import Auth, Session  # noqa: PLC0415 - kurigram's take other arguments

        storage = client.storage
        test_mode, home = await storage.test_mode(), await storage.dc_id()
        key = await storage.auth_key() if dc == home else await Auth(client, dc, test_mode).create()
        session = Session(client, dc, key, test_mode, is_media=True)
        await session.start()
        if dc != home:
            right = await client.call(F.auth.ExportAuthorization(dc_id=dc))
            await session.send(F.auth.ImportAuthorization(id=right.id, bytes=right.bytes))
        return session

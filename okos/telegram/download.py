"""Files: fetched from Telegram after their message was published, before its turn starts.

A message with files is held back in its mailbox while a message in the queue `download` has them fetched; then it is
let go. So the order of a user's messages is that of their arrival, however long a file takes, and taking in never
waits. Files that cannot be fetched do not keep the turn: it says that they are gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

from okos.telegram.address import Address
from okos.telegram.library import F, Refused, T
from okos.telegram.reading import File, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from okos.envelope import Envelope
    from okos.mailbox import MailboxBroker
    from okos.telegram.client import Client

QUEUE = "download"

#: The kinds whose handlers read bytes. A sticker is its emoji.
FETCHED_KINDS = frozenset({"photo", "voice", "audio", "document", "video", "video_note", "animation"})
#: A turn that has not come in a day is no longer waited for.
FILE_TTL_MS = 86_400_000
#: A message waits so long for its files; a gateway that is started again has fetched them by then.
HOLD_MS = 600_000

_ATTEMPTS = 5
_PAUSE_S = 1.0
_TIMEOUT_S = 120.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file to be fetched: under which name its bytes go into the store, and with which message it came."""

    name: str
    message: int
    file: File

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return {"name": self.name, "message": self.message, "file": self.file.encode()}

    @classmethod
    def decode(cls, raw: Mapping[str, Any]) -> Wanted:  # Any: JSON
        """Read the JSON-able form back."""
        return cls(name=raw["name"], message=raw["message"], file=File.decode(raw["file"]))


def download_message(
    envelope: Envelope, files: tuple[Wanted, ...], *, hold_ms: int = 0
) -> dramatiq.Message[Any]:  # Any: Dramatiq's
    """Make the message that has an envelope's files fetched.

    Args:
        envelope: What waits for them.
        files: What it waits for.
        hold_ms: Until an album is complete.
    """
    body = {
        "envelope_id": envelope.id,
        "address": dict(envelope.address or {}),
        "files": [wanted.encode() for wanted in files],
    }
    options: dict[str, Any] = {"cost": 0}
    if hold_ms:
        options["hold"] = hold_ms
    return dramatiq.Message(
        queue_name=QUEUE,
        actor_name=QUEUE,
        args=(body,),
        kwargs={},
        options=options,
        # By the first file, too: an edit may bring another one.
        message_id=f"{envelope.id}:files:{files[0].file.id}",
    )


class Downloads:
    """Fetches files; run by the gateway's worker threads.

    Args:
        client: Whom to ask.
        broker: Where the bytes go.
        loop: The client's.
    """

    def __init__(self, client: Client, broker: MailboxBroker, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._broker = broker
        self._loop = loop

    def declare(self) -> None:
        """Declare the actor of the queue."""
        dramatiq.actor(broker=self._broker, actor_name=QUEUE, queue_name=QUEUE, max_retries=0)(self.fetch)

    def fetch(self, body: Mapping[str, Any]) -> None:  # Any: JSON
        """Fetch the files of one message, then let its turn start."""
        address = Address.decode(body["address"])
        for wanted in map(Wanted.decode, body["files"]):
            content = self._content(wanted.file, address, wanted.message)
            if content is not None:
                self._broker.write(wanted.name, content, ttl_ms=FILE_TTL_MS)
        self._broker.hold(body["envelope_id"], 0)

    def _content(self, file: File, address: Address, message: int) -> bytes | None:
        fetching = asyncio.run_coroutine_threadsafe(self._fetched(file, address, message), self._loop)
        return fetching.result()

    async def _fetched(self, file: File, address: Address, message: int) -> bytes | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    return await self._client.fetch(file)
            except Refused as problem:
                reason = str(problem)
                pause_s = (problem.wait_ms or 0) / 1000 or _PAUSE_S * attempt
                fresh = problem.name.startswith("FILE_REFERENCE") and await self._again(file, address, message)
                if fresh:
                    file, pause_s = fresh, 0.0
            except (OSError, TimeoutError) as problem:
                reason, pause_s = repr(problem), _PAUSE_S * attempt
            _log.warning("file not fetched", attempt=attempt, reason=reason)
            if attempt < _ATTEMPTS:
                await asyncio.sleep(min(pause_s, _TIMEOUT_S))
        return None

    async def _again(self, file: File, address: Address, message: int) -> File | None:
        """Ask for the message once more: its file comes with a fresh reference."""
        ids = [T.InputMessageID(id=message)]
        query = (
            F.channels.GetMessages(
                channel=T.InputChannel(channel_id=address.id, access_hash=address.access_hash), id=ids
            )
            if address.kind == "channel"
            else F.messages.GetMessages(id=ids)
        )
        try:
            found = await self._client.call(query)
        except (Refused, OSError, TimeoutError):
            return None
        files = [read(one).file for one in found.messages if isinstance(one, T.Message)]
        return next((one for one in files if one is not None and one.id == file.id), None)

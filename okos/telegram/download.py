"""Files: fetched from Telegram after their message was published, before its turn starts.

A message with files is held back in its mailbox while a message in the queue `download` has them fetched; then it is
let go. So the order of a user's messages is that of their arrival, however long a file takes, and taking in never
waits. Files that cannot be fetched do not keep the turn: it says that they are gone.

The rule of the hold: it is there before the fetching begins, and only for a message that waits and names the file; of
any other (its mailbox was full, it was deleted, it was edited) nothing is fetched. Whoever fetched lets go only what
still names its file, and keeps no bytes that nobody waited for. Every end lets go: the last one, as a dead letter, by
the message that is enqueued then.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

from okos.mailbox import Postpone, StoreUnavailable
from okos.telegram.address import Address
from okos.telegram.library import F, Refused, T
from okos.telegram.reading import File, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from okos.envelope import Envelope
    from okos.mailbox import MailboxBroker
    from okos.telegram.client import Client

QUEUE = "download"

#: The kinds whose handlers read bytes.
FETCHED_KINDS = frozenset({"photo", "sticker", "voice", "audio", "document", "video", "video_note", "animation"})
#: A turn that has not come in a day is no longer waited for.
FILE_TTL_MS = 86_400_000
#: A message waits so long for its files; a gateway that is started again has fetched them by then.
HOLD_MS = 600_000

#: So many files are fetched at once, each in memory as a whole, by the threads that replies are said by, too.
AT_ONCE = 6
#: One that has to wait for that looks again after so long, and the more of them there are, the later each.
_LOOK_MS = 500
_LONGEST_LOOK_MS = 10_000

_ATTEMPTS = 5
#: A gateway that is killed while it fetches a file says little about the file.
_MAX_STALLS = 10
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


def named(name: str) -> str:
    """Give the name of a file as it stands in the body of a message that waits for it."""
    return json.dumps(name)


def download_message(
    envelope: Envelope, files: tuple[Wanted, ...], *, hold_ms: int = 0, edit: int = 0
) -> dramatiq.Message[Any]:  # Any: Dramatiq's
    """Make the message that has an envelope's files fetched.

    Args:
        envelope: What waits for them.
        files: What it waits for.
        hold_ms: Until an album is complete.
        edit: Of which edit they are, if the message named other files before: one of them may be an earlier one again.
    """
    # By the first file, too: an edit may bring another one.
    name = f"{envelope.id}:files:{files[0].file.id}" + (f":{edit}" if edit else "")
    body = {
        "envelope_id": envelope.id,
        "address": dict(envelope.address or {}),
        "files": [wanted.encode() for wanted in files],
    }
    let_go: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=QUEUE,
        actor_name=QUEUE,
        args=({"envelope_id": envelope.id, "named": files[0].name},),
        kwargs={},
        options={"cost": 0},
        message_id=f"{name}:let go",
    )
    options: dict[str, Any] = {"cost": 0, "max_stalls": _MAX_STALLS, "on_dead": let_go}
    if hold_ms:
        options["hold"] = hold_ms
    return dramatiq.Message(
        queue_name=QUEUE,
        actor_name=QUEUE,
        args=(body,),
        kwargs={},
        options=options,
        message_id=name,
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
        self._lock = threading.Lock()
        self._fetching = 0
        self._put_off: set[str] = set()

    def declare(self) -> None:
        """Declare the actor of the queue."""
        dramatiq.actor(broker=self._broker, actor_name=QUEUE, queue_name=QUEUE, retry_when=_is_tried_again)(self.fetch)

    def fetch(self, body: Mapping[str, Any]) -> None:  # Any: JSON
        """Fetch the files of one message, then let its turn start.

        Raises:
            Postpone: Enough are being fetched; this one is when one of them is done.
            StoreUnavailable: It is done again.
        """
        envelope_id = body["envelope_id"]
        if "named" in body:
            self._broker.hold(envelope_id, 0, naming=named(body["named"]))
            return
        files = [Wanted.decode(one) for one in body["files"]]
        naming = named(files[0].name)
        if not self._broker.hold(envelope_id, HOLD_MS, naming=naming):
            _log.info("file not fetched: nothing waits for it", message_id=envelope_id)
            with self._lock:
                self._put_off.discard(files[0].name)
            return
        self._begin(files[0].name)
        try:
            kept = self._fetch(files, Address.decode(body["address"]))
        finally:
            with self._lock:
                self._fetching -= 1
        if not self._broker.hold(envelope_id, 0, naming=naming):
            # Cancelled meanwhile, or edited; or it waited too long, and its turn goes on without.
            for name in kept:
                self._broker.delete(name)

    def _begin(self, name: str) -> None:
        """Take one of the places, or put this off: the thread is needed for replies."""
        with self._lock:
            if self._fetching < AT_ONCE:
                self._fetching += 1
                self._put_off.discard(name)
                return
            # As many as are fetched at once look again in each half second, whatever the number that waits.
            self._put_off.add(name)
            wait_ms = _LOOK_MS * (1 + len(self._put_off) // AT_ONCE)
        raise Postpone(min(wait_ms, _LONGEST_LOOK_MS), "enough files are being fetched")

    def _fetch(self, files: list[Wanted], address: Address) -> list[str]:
        """Fetch files into the store; gives the names of those that could be."""
        kept = []
        for wanted in files:
            content = self._content(wanted.file, address, wanted.message)
            if content is not None:
                self._broker.write(wanted.name, content, ttl_ms=FILE_TTL_MS)
                kept.append(wanted.name)
        return kept

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


def _is_tried_again(_retries: int, problem: BaseException) -> bool:
    """Tell whether a message's files are fetched once more: outages of the store end, and a restart is no failure."""
    return isinstance(problem, StoreUnavailable | CancelledError)

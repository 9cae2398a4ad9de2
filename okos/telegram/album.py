"""Albums: Telegram sends each photo of an album as a message of its own; they are one turn.

The first one takes the album's place in the mailbox, held back; each further one is added while it waits. One that
comes when it is too late is a turn of its own. What was gathered is in the store, so that a gateway which is started
again in between goes on with it: each step may be done again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from okos.envelope import Envelope
from okos.telegram.download import HOLD_MS, Wanted, download_message
from okos.telegram.store import ALBUM_TTL_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dramatiq import Message

    from okos.telegram.publisher import Publisher
    from okos.telegram.store import GatewayStore


class Album:
    """An album as far as it has come.

    Attributes:
        envelope: The one turn that it is.
        members: The numbers of its messages, the first one first.
        files: What is fetched for it.
    """

    def __init__(self, envelope: Envelope, members: tuple[int, ...], files: tuple[Wanted, ...]) -> None:
        self.envelope = envelope
        self.members = members
        self.files = files

    def with_another(self, message_id: int, envelope: Envelope, files: tuple[Wanted, ...]) -> Album:
        """Add a message of the album: its files, and its words if the album has none yet."""
        own = self.envelope
        attachments = (*own.attachments, *envelope.attachments)
        joined = replace(
            own,
            text=own.text or envelope.text,
            attachment=attachments[0] if attachments else None,
            more=attachments[1:],
        )
        return Album(joined, (*self.members, message_id), (*self.files, *files))

    def encode(self) -> dict[str, Any]:  # Any: JSON
        """Give the JSON-able form."""
        return {
            "envelope": self.envelope.encode(),
            "members": self.members,
            "files": [wanted.encode() for wanted in self.files],
        }

    @classmethod
    def decode(cls, raw: Mapping[str, Any]) -> Album:  # Any: JSON
        """Read the JSON-able form back."""
        return cls(
            Envelope.decode(raw["envelope"]),
            tuple(raw["members"]),
            tuple(map(Wanted.decode, raw["files"])),
        )


class Albums:
    """The albums that are being gathered. Used by one consumer, after all before was published.

    Args:
        store: The gateway's.
        publisher: The way into it.
        message: Makes the message of a turn, of an envelope, its number, and how long it is held back (ms).
        gather_ms: How long further messages of an album are waited for.
    """

    def __init__(
        self,
        *,
        store: GatewayStore,
        publisher: Publisher,
        message: Callable[[Envelope, int, int], Message[Any]],  # Any: Dramatiq's
        gather_ms: int,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._message = message
        self._gather_ms = gather_ms

    async def join(self, name: int, number: int, envelope: Envelope, files: tuple[Wanted, ...]) -> bool:
        """Begin an album with a message, or add the message to it; False if its turn has started already."""
        await self._publisher.flush()
        album = await self._kept(name)
        if album is None:
            album = Album(envelope, (number,), files)
            await self._keep(name, album)
        if number == album.members[0]:
            # Again, if we came only so far the last time.
            hold_ms = HOLD_MS if album.files else self._gather_ms
            self._publisher.add(self._message(album.envelope, number, hold_ms), album.envelope)
            if album.files:
                self._publisher.add(self._download(album))
            return True
        if number in album.members:
            return True
        grown = album.with_another(number, envelope, files)
        if not await self._replaced(album, grown):
            return False
        await self._keep(name, grown)
        return True

    async def edit(self, name: int, number: int, text: str) -> None:
        """Give an album that waits other words, when those of a message of it that has some are edited."""
        album = await self._kept(name)
        if album is None or number not in album.members or not text:
            return
        edited = Album(replace(album.envelope, text=text), album.members, album.files)
        if await self._publisher.ask(self._store.replace, self._message(edited.envelope, album.members[0], 0)):
            await self._keep(name, edited)

    async def _replaced(self, album: Album, grown: Album) -> bool:
        """Put the grown album in the place of the one that waits; False if it is too late."""
        if grown.files != album.files:
            if album.files:
                if not await self._publisher.ask(self._store.replace, self._download(grown)):
                    return False
            elif await self._publisher.ask(self._store.hold, grown.envelope.id, HOLD_MS):
                self._publisher.add(self._download(grown))
            else:
                return False
        return bool(await self._publisher.ask(self._store.replace, self._message(grown.envelope, grown.members[0], 0)))

    def _download(self, album: Album) -> Message[Any]:  # Any: Dramatiq's
        return download_message(album.envelope, album.files, hold_ms=self._gather_ms)

    async def _kept(self, name: int) -> Album | None:
        raw = await self._publisher.ask(self._store.read, f"album:{name}")
        return None if raw is None else Album.decode(raw)

    async def _keep(self, name: int, album: Album) -> None:
        await self._publisher.ask(self._store.write, f"album:{name}", album.encode(), ttl_ms=ALBUM_TTL_MS)

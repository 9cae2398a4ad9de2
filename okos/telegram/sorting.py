"""What becomes of a message that came: a turn, part of an album, a command that is done at once, or nothing.

    a message                                     is
    ours, a service message, a channel's post     skipped
    in a group, for others                        skipped
    by somebody who may not                       told so in private, once an hour; else skipped
    /stop, /start, /help                          done at once
    one of an album                               joined to it while it waits
    any other                                     published

An edit replaces a message that has not started, and is else ignored; so is one of a command. A deletion cancels.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from okos.envelope import Reply
from okos.intake import message_of
from okos.outbox import posted
from okos.telegram import control
from okos.telegram.access import Access, command_of, is_for_us
from okos.telegram.album import Albums
from okos.telegram.download import HOLD_MS, download_message, named
from okos.telegram.envelope import dedup_id, envelope_id, envelope_of
from okos.telegram.library import T
from okos.telegram.reading import read
from okos.telegram.store import ALBUM_TTL_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from dramatiq import Message

    from okos.envelope import Envelope
    from okos.settings import Settings
    from okos.telegram.access import Role
    from okos.telegram.download import Wanted
    from okos.telegram.ours import Ours
    from okos.telegram.publisher import Publisher
    from okos.telegram.reading import Incoming
    from okos.telegram.store import GatewayStore

_REFUSED_TTL_MS = 3_600_000
_FULL_TTL_MS = 60_000
_HOUR_S = 3600
_DAY_S = 86_400
#: So many albums for the bot are known, to know which photos belong to one.
_KNOWN = 10_000


class Listener(Protocol):
    """Who shows people that their messages are being answered. Called on the event loop; must not block."""

    def accepted(self, envelope: Envelope) -> None:
        """A message waits in its mailbox."""

    def withdrawn(self, envelope_id: str) -> None:
        """A message will have no answer."""

    def emptied(self, mailbox: str) -> None:
        """No message of a mailbox will have an answer."""


class UnknownSender(Exception):
    """A message came with too little about its sender to answer; the difference has it."""


class Sorting:
    """Used on the event loop by one consumer.

    Args:
        bot_id: Who receives.
        username: As what; without the @.
        settings: Who may, and what is read in groups.
        store: The gateway's.
        publisher: The way into it.
        listener: Who is told what was accepted.
        ours: Which messages are the bot's own.
    """

    def __init__(
        self,
        *,
        bot_id: int,
        username: str,
        settings: Settings,
        store: GatewayStore,
        publisher: Publisher,
        listener: Listener,
        ours: Ours,
    ) -> None:
        self.handled: Collection[str] = frozenset(settings.kinds)
        self._bot_id = bot_id
        self._username = username
        self._settings = settings
        self._access = Access(
            users=frozenset(settings.access.users),
            admins=frozenset(settings.access.admins),
            groups=frozenset(settings.access.groups),
        )
        self._store = store
        self._publisher = publisher
        self._listener = listener
        self._albums = Albums(
            store=store, publisher=publisher, message=self._message, gather_ms=settings.telegram.album_ms
        )
        self._ours = ours
        self._our_albums = _Known()

    # -- messages -----------------------------------------------------------------------------------------------------

    async def take(self, message: Any, access_hash: int | None) -> None:  # Any: generated
        """Do what a new message asks for.

        Args:
            message: As Telegram sent it.
            access_hash: The right to answer in its chat; None if it is not known.

        Raises:
            UnknownSender: It is one to answer, and the right is not known.
        """
        if isinstance(message, T.Message) and not isinstance(message.peer_id, T.PeerUser):
            self._ours.note(message)
        incoming = await self._for_us(message, access_hash)
        if incoming is None:
            return
        role = self._access.role(incoming)
        if role is None and incoming.place != "user":
            return
        if access_hash is None:
            raise UnknownSender
        envelope, files = self._envelope(incoming, access_hash, role or "user")
        command = command_of(incoming.text, username=self._username)
        if role is None:
            text = control.NOT_ALLOWED.format(user=incoming.sender)
            self._tell(envelope, text, once=f"refused:{incoming.sender}", ttl_ms=_REFUSED_TTL_MS)
        elif command in control.CONTROLS:
            await self._control(envelope, command, may_erase=incoming.place == "user" or role == "admin")
        elif incoming.album is not None:
            self._our_albums.add(incoming.album)
            if not await self._albums.join(incoming.album, incoming.id, envelope, files):
                self._publish(envelope, incoming.id, files)
        else:
            self._publish(envelope, incoming.id, files)

    async def edit(self, message: Any, access_hash: int | None) -> None:  # Any: generated
        """Let an edit replace the message while it waits."""
        if self._settings.telegram.edits == "ignore" or not isinstance(message, T.Message):
            return
        incoming = await self._for_us(message, access_hash)
        role = None if incoming is None else self._access.role(incoming)
        if incoming is None or role is None or command_of(incoming.text, username=self._username) is not None:
            return
        await self._publisher.flush()
        envelope, files = self._envelope(incoming, access_hash or 0, role)
        if incoming.album is not None:
            await self._albums.edit(incoming.album, incoming.id, envelope.text)
            return
        edited = self._message(envelope, incoming.id, 0)
        if not files:
            await self._publisher.ask(self._store.replace, edited)
            return
        # The same file is fetched already, or being fetched; another one has to be waited for.
        outcome = await self._publisher.ask(self._store.replace, edited, hold_ms=HOLD_MS, unless=named(files[0].name))
        if outcome:
            edit = (message.edit_date or 0) if outcome == "held" else 0
            self._publisher.add(download_message(envelope, files, edit=edit))

    async def delete(self, ids: Collection[int], channel_id: int | None) -> None:
        """Cancel the turns of deleted messages."""
        await self._publisher.flush()
        for number in ids:
            name = envelope_id(self._bot_id, channel_id, number)
            outcome = await self._publisher.ask(self._store.cancel, name, "deleted")
            if outcome != "ended":
                self._listener.withdrawn(name)

    def note_outcome(self, envelope: Envelope, outcome: str) -> None:
        """Act on what became of a published envelope."""
        if outcome == "full":
            self._tell(envelope, control.TOO_MANY, once=f"full:{envelope.mailbox}", ttl_ms=_FULL_TTL_MS)
        elif outcome == "new":
            self._listener.accepted(envelope)

    async def _for_us(self, message: Any, access_hash: int | None) -> Incoming | None:  # Any: generated
        if not isinstance(message, T.Message) or message.post or message.out:
            return None
        incoming = read(message)
        if incoming.place == "user" or self._settings.telegram.groups == "all":
            return incoming
        # Only one photo of an album has its words.
        if incoming.album in self._our_albums or is_for_us(incoming, bot_id=self._bot_id, username=self._username):
            return incoming
        is_a_command = incoming.text.startswith("/")
        return incoming if not is_a_command and await self._ours.answers_us(incoming, access_hash) else None

    def _envelope(self, incoming: Incoming, access_hash: int, role: Role) -> tuple[Envelope, tuple[Wanted, ...]]:
        return envelope_of(
            incoming,
            bot_id=self._bot_id,
            username=self._username,
            access_hash=access_hash,
            role=role,
            handled=self.handled,
        )

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _publish(self, envelope: Envelope, number: int, files: tuple[Wanted, ...]) -> None:
        self._publisher.add(self._message(envelope, number, HOLD_MS if files else 0), envelope)
        if files:
            self._publisher.add(download_message(envelope, files))

    def _message(self, envelope: Envelope, number: int, hold_ms: int) -> Message[Any]:  # Any: Dramatiq's
        return message_of(
            envelope,
            settings=self._settings,
            handled=self.handled,
            dedup_id=dedup_id(self._bot_id, envelope, number),
            hold_ms=hold_ms,
        )

    def _tell(self, envelope: Envelope, text: str, *, once: str, ttl_ms: int) -> None:
        """Answer without a turn; the same only once in a while."""
        reply = posted(envelope, Reply(envelope_id=envelope.id, chat=envelope.chat, text=text, last=True))
        options = {"dedup_id": self._told_id(once), "dedup_ttl": ttl_ms}
        self._publisher.add(reply.copy(message_id=f"{envelope.id}:told", options=options))

    def _told_id(self, once: str) -> str:
        return f"tg:{self._bot_id}:{once}"

    # -- commands -----------------------------------------------------------------------------------------------------

    async def _control(self, envelope: Envelope, command: str | None, *, may_erase: bool) -> None:
        once = f"control:{envelope.id}"
        if await self._publisher.ask(self._store.is_accepted, self._told_id(once)):
            # After a hole Telegram tells the last messages of a channel again: what was said since is not to be erased.
            return
        match command:
            case control.STOP:
                await self._publisher.flush()
                count = await self._publisher.ask(self._store.cancel_mailbox, envelope.mailbox, "stopped")
                self._listener.emptied(envelope.mailbox)
                text = control.stopped(count)
            case control.PRIVACY:
                text = await self._privacy(envelope, may_erase=may_erase)
            case control.START:
                text = control.WELCOME
            case _:
                text = control.HELP_TEXT
        self._tell(envelope, text, once=once, ttl_ms=ALBUM_TTL_MS)

    async def _privacy(self, envelope: Envelope, *, may_erase: bool) -> str:
        if not control.wants_erasing(envelope.text):
            kept = await self._publisher.ask(self._store.kept_of, envelope.mailbox)
            return control.kept(
                turns=len(kept.turns),
                dead=len(kept.dead),
                done=len(kept.done),
                memory_days=-(-self._settings.memory.ttl_s // _DAY_S),
                done_hours=-(-self._settings.remove_on_complete.age_s // _HOUR_S),
                dead_days=-(-self._settings.remove_on_fail.age_s // _DAY_S),
            )
        if not may_erase:
            return control.NOT_YOURS
        # What came before this is to be erased, too.
        await self._publisher.flush()
        gone = await self._publisher.ask(self._store.erase, envelope.mailbox)
        self._listener.emptied(envelope.mailbox)
        return control.erased(turns=len(gone.turns), dead=len(gone.dead), done=len(gone.done), waiting=gone.waiting)


class _Known:
    """What was seen lately, up to a number."""

    def __init__(self, most: int = _KNOWN) -> None:
        self._most = most
        self._seen: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, one: Hashable) -> None:
        self._seen[one] = None
        self._seen.move_to_end(one)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def __contains__(self, one: Hashable) -> bool:
        return one in self._seen

"""What the data centre holds while it runs: world, sessions, faults, record; and what the RPCs do through it."""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from . import calls, rpc_account, rpc_files, rpc_messages, rpc_state, updates
from .entities import Entity
from .faults import Faults
from .key import load_key
from .record import Record, RpcCall
from .session import Session
from .tl import T, build
from .world import HOME_DC, Box, Change, Media, MediaKind, Message, Peer, User, World

if TYPE_CHECKING:
    from .connection import Connection

Form = Literal["full", "min", "short", "too_long", "unseen"]
"""How a live update comes: with users and chats; with users and chats of which too little is told; as a short update
without users; as the bare news that much has happened; or not at all, as if it were lost (the difference has it)."""

BOT_TOKEN = "4242424242:for-tests-only_this-is-no-secret_12"  # noqa: S105 -- of the form that Telegram gives, and no secret

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="Core")


def on_loop(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Let a method be called from any thread: it runs on the data centre's loop, and the caller waits."""

    @functools.wraps(method)
    def call(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = self.loop
        if loop is None or not loop.is_running():
            return method(self, *args, **kwargs)
        try:
            if asyncio.get_running_loop() is loop:
                return method(self, *args, **kwargs)
        except RuntimeError:  # this thread has no loop
            pass

        async def there() -> R:
            return method(self, *args, **kwargs)

        return asyncio.run_coroutine_threadsafe(there(), loop).result(30)

    return call


class Core:
    """The state of a running data centre. Everything in it is touched on the loop alone."""

    def __init__(
        self,
        *,
        bot_token: str = BOT_TOKEN,
        bot_username: str = "okos_test_bot",
        api_id: int | None = None,
        api_hash: str = "",
    ) -> None:
        self.world = World()
        self.bot_token = bot_token
        number = int(bot_token.partition(":")[0])
        self.world.bot = self.world.users[number] = User(id=number, name="Okos", username=bot_username, bot=True)
        self.world.tokens[bot_token] = number
        self.api_id, self.api_hash = api_id, api_hash
        self.key = load_key()
        self.host, self.port = "127.0.0.1", 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.record = Record()
        self.faults = Faults()
        self.handlers = calls.registry(
            rpc_account.HANDLERS, rpc_state.HANDLERS, rpc_messages.HANDLERS, rpc_files.HANDLERS
        )
        self.form: Form = "full"
        self.slice_size: int | None = 100
        self.answers_pings = True
        self.transport_error: int | None = None  # -429 for a flood of connections: the answer to every packet
        self.unauthorized = "AUTH_KEY_UNREGISTERED"
        self.refuses_overlap = False
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.connections: set[Connection] = set()
        self.sessions: dict[tuple[bytes, bytes], Session] = {}
        self.parts: dict[int, dict[int, bytes]] = {}
        self.tickets: dict[int, tuple[int, int]] = {}
        self.callback_queries: dict[int, Peer] = {}
        self.sending: set[tuple[Peer, int]] = set()
        self.watchers: list[Callable[[], None]] = []
        self.broken: list[Exception] = []  # what went wrong in the data centre itself; `stop()` raises it
        self._running: set[asyncio.Task[None]] = set()

    @property
    def bot(self) -> User:
        """Return the bot."""
        assert self.world.bot is not None
        return self.world.bot

    # -- sessions

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a call beside the others."""
        running = asyncio.get_running_loop().create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def session_of(self, key_id: bytes, session_id: bytes) -> Session:
        """Return the session of that id, new if it is the first packet of it."""
        name = (key_id, session_id)
        if name not in self.sessions:
            session = Session(key_id=key_id, key=self.world.keys[key_id], session_id=session_id)
            session.main = name in self.world.main_sessions
            session.new = not session.main
            self.sessions[name] = session
        return self.sessions[name]

    def make_main(self, session: Session) -> None:
        """Let a session receive updates; those of the same key that are gone get none any more.

        Raises:
            RpcFailure: another is alive and the test has overlaps refused.
        """
        others = [s for s in self.sessions.values() if s.main and s is not session]
        if not session.main:
            if any(other.live for other in others):
                self.record.add("overlap")
                if self.refuses_overlap:
                    self.world.logins.pop(session.key_id, None)
                    raise calls.RpcFailure(406, "AUTH_KEY_DUPLICATED")
            for other in others:
                if not other.live:
                    self.forget(other)
            session.main = True
            self.world.main_sessions.add((session.key_id, session.session_id))
            self.record.add("main_session")

    def forget(self, session: Session) -> None:
        """Drop a session and what it has not acknowledged."""
        self.sessions.pop((session.key_id, session.session_id), None)
        self.world.main_sessions.discard((session.key_id, session.session_id))

    def push(self, body: Any, *, but: Session | None = None) -> None:
        """Send an update to every session that receives them."""
        receivers = [s for s in self.sessions.values() if s.main and s is not but and s.key_id in self.world.logins]
        for session in receivers:
            session.push(body)

    def note_call(self, name: str, peer: Peer | None) -> None:
        """Record that an RPC came in."""
        self.record.calls.append(RpcCall(name=name, at_s=time.monotonic(), peer=peer))
        self.changed()

    def changed(self) -> None:
        """Tell whoever waits for something that it may have come."""
        for watcher in list(self.watchers):
            watcher()

    # -- what the bot does

    def said(self, message: Message, *, by: Session) -> Change:
        """Put a message of the bot's into its chat; the other sessions hear of it, the sender has it as its answer."""
        change = self.world.post(message)
        if message.random_id is not None:
            self.world.sends[message.peer, message.random_id] = message.id
        self.record.add("said", message=message)
        self._tell(change, message, but=by)
        return change

    def edited(self, message: Message, *, text: str, spans: tuple[Entity, ...], by: Session) -> Change:
        """Give a message of the bot's other words."""
        change = self.world.edit(message, text=text, entities=spans, now_s=int(time.time()))
        self.record.add("edited", message=message)
        self._tell(change, message, but=by)
        return change

    def deleted(self, box: Box, ids: list[int], *, by: Session | None) -> Change | None:
        """Take messages away; those that are not there are none."""
        change = self.world.delete(box, ids)
        if change is not None:
            for number in change.ids:
                self.record.add("deleted", message=box.messages[number])
            self._tell(change, box.messages[change.ids[0]], but=by)
        return change

    def store(self, content: bytes, *, kind: MediaKind, mime: str, dc_id: int = HOME_DC, **about: Any) -> Media:
        """Keep a file."""
        number = self.world.number()
        media = Media(kind=kind, file_id=number, size=len(content), mime=mime, dc_id=dc_id, **about)
        self.world.files[number], self.world.media[number] = content, media
        return media

    # -- telling the bot

    def announce(self, changes: list[tuple[Change, Message]], form: Form) -> None:
        """Tell the bot's sessions what people did, in the form that the test wants."""
        change, message = changes[-1]
        box = self.world.box_of(message.peer)
        now_s = int(time.time())
        chat = self.world.chats.get(message.peer)
        is_away = chat is not None and chat.kind != "group" and chat.joined_s is None
        if form == "unseen" or is_away:
            self.changed()
            return
        if form == "too_long":
            self.push(
                T.UpdateShort(update=build(T.UpdateChannelTooLong, channel_id=message.peer.id, pts=box.pts), date=now_s)
                if message.peer.kind == "channel"
                else T.UpdatesTooLong()
            )
        elif form == "short" and message.peer.kind != "channel" and message.media is None and change.kind == "new":
            self.push(updates.short_message(change, message))
        else:
            written = [one for each, _ in changes for one in updates.updates_of(self.world, box, each)]
            about = [of for _, of in changes]
            self.push(updates.bundle(self.world, written, about, now_s=now_s, reduced=form == "min"))
        self.changed()

    def _tell(self, change: Change, message: Message, *, but: Session | None) -> None:
        box = self.world.box_of(message.peer)
        written = updates.updates_of(self.world, box, change)
        self.push(updates.bundle(self.world, written, [message], now_s=int(time.time())), but=but)
        self.changed()

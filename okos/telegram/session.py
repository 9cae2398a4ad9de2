"""The bot's session: opened from what the last gateway left, else by signing in, once.

Telegram answers a bot that signs in too often with waits of half an hour, and one that asks for what was refused with
worse. So the session is kept in the store from the moment that it exists, and a refusal is kept with what was refused:
asked again, the same is refused here.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from okos.errors import OkosError
from okos.telegram.client import Client, NoHandshake, SessionForgotten, ends_session, self_query
from okos.telegram.key import read_key
from okos.telegram.library import F, Refused
from okos.telegram.store import SESSION_TTL_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.settings import Settings
    from okos.telegram.credentials import Credentials
    from okos.telegram.inbox import Inbox
    from okos.telegram.publisher import Publisher
    from okos.telegram.store import GatewayStore

_REFUSED_TTL_MS = 30 * 86_400_000
#: So long nothing is said: a line that has to be tried twice is no trouble.
_PATIENCE_S = 10.0
_FIRST_CALL_S = 15.0

_TOKEN = ("ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_EXPIRED", "BOT_INVALID", "USER_DEACTIVATED", "USER_DEACTIVATED_BAN")
_API = ("API_ID_INVALID", "API_ID_PUBLISHED_FLOOD")

_log = structlog.get_logger()


class NotLetIn(OkosError):
    """Telegram does not let the bot in; the message says what to do."""


class Door:
    """Where a bot enters.

    Args:
        credentials: Who it is.
        settings: Where the data centre is.
        store: Where the session is kept.
        publisher: The way there.
    """

    def __init__(
        self, credentials: Credentials, *, settings: Settings, store: GatewayStore, publisher: Publisher
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._store = store
        self._ask = publisher.ask

    async def open(self, inbox: Inbox, *, anew: bool = False) -> tuple[Client, tuple[int, int]]:
        """Open the bot's session.

        Args:
            inbox: Where its updates go.
            anew: Forget the session that is kept, and what was refused.

        Returns:
            The client, and how far the common box was when it was opened, and when that was.

        Raises:
            NotLetIn: Telegram refuses, or has refused the same before.
        """
        if anew:
            await self._ask(self._store.delete, "session")
            await self._ask(self._store.delete, "refused")
        session = await self._session()
        refused = await self._ask(self._store.read, "refused")
        if refused is not None and refused["of"] == self._credentials.fingerprint(session):
            raise NotLetIn(f"{refused['line']} (Telegram said so {refused['at']}, and is not asked again)")
        client = self._client(session, inbox)
        try:
            place = await self._entered(client)
        except (Refused, SessionForgotten) as problem:
            await client.close()
            raise await self.refusal(problem) from problem
        except NoHandshake as problem:
            await client.close()
            raise NotLetIn(f"{problem} See OKOS_TELEGRAM__DC_ADDRESS and OKOS_TELEGRAM__DC_PUBLIC_KEY") from problem
        except BaseException:
            await client.close()
            raise
        return client, place

    async def refusal(self, problem: Refused | SessionForgotten) -> NotLetIn:
        """Put a refusal into words, and remember one that will not pass: the same is not asked again."""
        line = in_words(problem, self._credentials.bot_id)
        if isinstance(problem, SessionForgotten) or ends_session(problem) or problem.name in _TOKEN + _API:
            at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
            value = {"of": self._credentials.fingerprint(await self._session()), "line": line, "at": at}
            await self._ask(self._store.write, "refused", value, ttl_ms=_REFUSED_TTL_MS)
        return NotLetIn(line)

    async def _session(self) -> str | None:
        kept = await self._ask(self._store.read, "session")
        return None if kept is None else str(kept["session"])

    async def _entered(self, client: Client) -> tuple[int, int]:
        with _said_when_slow(lambda: client.line.trouble):
            if not await client.open():
                await self._sign_in(client)
        # Before any other call: with the first one Telegram begins to tell what comes, and that is after this.
        state = await self._first_call(client, F.updates.GetState)
        found = await self._first_call(client, self_query)
        client.username = next((user.username or "" for user in found.users if user.id == client.bot_id), "")
        await self._keep(client)
        return int(state.pts), int(state.date)

    async def _sign_in(self, client: Client) -> None:
        while True:
            await self._wait_out()
            try:
                await client.sign_in()
            except Refused as problem:
                if problem.wait_ms is None:
                    raise
                await self._keep_wait(max(problem.wait_ms, 1_000))
            else:
                # Before all else: what comes after may fail, and must not lead to a second sign-in.
                await self._keep(client)
                return

    async def _keep_wait(self, wait_ms: int) -> None:
        """Remember how long Telegram wants to be left alone: one that is started meanwhile waits, too."""
        until_s = time.time() + wait_ms / 1000
        at = time.strftime("%H:%M:%S UTC", time.gmtime(until_s))
        value = {"until_s": until_s, "line": f"Telegram lets the bot {self._credentials.bot_id} sign in only at {at}"}
        await self._ask(self._store.write, "wait", value, ttl_ms=wait_ms)

    async def _wait_out(self) -> None:
        kept = await self._ask(self._store.read, "wait")
        wait_s = 0.0 if kept is None else float(kept["until_s"]) - time.time()
        if kept is not None and wait_s > 0:
            _log.warning(f"{kept['line']}, in {wait_s:.0f} s; waiting for that")
            await asyncio.sleep(wait_s)

    async def _first_call(self, client: Client, query: Callable[[], Any]) -> Any:  # Any: generated
        """Ask for what is needed to begin; again while the line breaks."""
        while True:
            try:
                return await client.call(query(), timeout_s=_FIRST_CALL_S)
            except Refused as problem:
                if problem.wait_ms is None and problem.code < 500:  # noqa: PLR2004 - as HTTP's
                    raise
                await asyncio.sleep((problem.wait_ms or 1000) / 1000)
            except (OSError, TimeoutError) as problem:
                if client.failed.done():
                    with suppress(asyncio.CancelledError):
                        client.failed.result()
                _log.info("telegram does not answer", reason=str(problem))
                await asyncio.sleep(1)

    async def _keep(self, client: Client) -> None:
        value = {"session": await client.export(), "username": client.username}
        await self._ask(self._store.write, "session", value, ttl_ms=SESSION_TTL_MS)

    def _client(self, session: str | None, inbox: Inbox) -> Client:
        telegram = self._settings.telegram
        return Client(
            token=self._credentials.token,
            api_id=self._credentials.api_id,
            api_hash=self._credentials.api_hash,
            session=session,
            address=telegram.dc_host_port,
            key=None if telegram.dc_public_key is None else read_key(telegram.dc_public_key),
            inbox=inbox,
        )


_SIGN_IN = "sign in anew: okos gateway --sign-in"


def in_words(problem: Refused | SessionForgotten, bot_id: int) -> str:
    """Say what happened and what to do, in one line."""
    match problem:
        case SessionForgotten():
            return f"Telegram does not know the session of bot {bot_id} any more; {_SIGN_IN}"
        case Refused() if problem.name in _TOKEN:
            what = f"the token of bot {bot_id} ({problem.name})"
            to_do = "ask @BotFather for the current one (/token) and set OKOS_TELEGRAM__BOT_TOKEN"
        case Refused() if problem.name in _API:
            what = f"the application ({problem.name})"
            to_do = "set OKOS_TELEGRAM__API_ID and OKOS_TELEGRAM__API_HASH as https://my.telegram.org/apps shows them"
        case Refused(name="AUTH_KEY_DUPLICATED"):
            what = f"the session of bot {bot_id}, which two processes used at once (AUTH_KEY_DUPLICATED)"
            to_do = f"stop the other one, then {_SIGN_IN}"
        case Refused() if ends_session(problem):
            what, to_do = f"the session of bot {bot_id}, which was revoked ({problem.name})", _SIGN_IN
        case _:
            what, to_do = f"the bot {bot_id}: {problem}", "try again later"
    return f"Telegram refuses {what}: {to_do}"


class _said_when_slow:  # noqa: N801 - reads as a statement
    """Says within the block, now and then, why it takes so long."""

    def __init__(self, reason: Callable[[], str | None]) -> None:
        self._reason = reason
        self._saying: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._saying = asyncio.create_task(self._say())

    def __exit__(self, *_: object) -> None:
        if self._saying is not None:
            self._saying.cancel()

    async def _say(self) -> None:
        pause_s = _PATIENCE_S
        while True:
            await asyncio.sleep(pause_s)
            reason = self._reason() or "Telegram does not answer"
            _log.warning(f"still not connected: {reason}; is there a network, and is the clock right? Trying on")
            pause_s = min(2 * pause_s, 300)

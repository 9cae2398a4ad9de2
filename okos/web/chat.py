"""People side by side: a browser's page talks to the running Okos as several users, by the local channel.

A page is one client of the channel: an outbox of its own, previews, the same intake as everybody's. What comes for it
is kept for a while, so that a page whose connection broke goes on where it was. Everything but the channel's two
threads happens in the event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from okos.errors import OkosError
from okos.local.channel import Delivered, Glimpse, LocalChannel, Seen
from okos.local.question import Question, Unusable, check_text, check_user
from okos.web.access import Role
from okos.web.guard import session_of
from okos.web.live import LONGEST_S, STREAM_HEADERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from okos.web.guard import Visit
    from okos.web.site import Site

#: Pages that talk at once: each holds two threads and three connections to the store.
MOST_PAGES = 12

#: What came while a page was not listening, and how long a page may be away until its channel is closed.
MOST_KEPT = 500
AWAY_S = 60.0

#: Answers that a page waits for at once; the oldest is forgotten, and its answer goes to nobody's pane.
MOST_ASKED = 2_000

_ALIVE_S = 10.0
_PATIENCE_MS = 3_000
_REFUSED, _TOO_MANY = 422, 503
_PAGE_ID = re.compile(r"[0-9a-f]{16,64}")


class Page:
    """One browser's page: its channel, and what came for it. Made and used in the event loop."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seen = Seen()
        self._kept: deque[tuple[int, str]] = deque(maxlen=MOST_KEPT)
        self._number = 0
        self._came = asyncio.Condition()
        self._users: OrderedDict[str, str] = OrderedDict()
        self.left_at = time.monotonic()
        self.listeners = 0
        self.channel = LocalChannel(site.settings, on_reply=self._on_reply, on_glimpse=self._on_glimpse)

    def say(self, user: str, text: str) -> str:
        """Send a message as this user; returns its id. Blocks.

        Raises:
            OkosError: It was not accepted.
        """
        question = Question(text=check_text(text))
        envelope = self.channel.envelope(question, user=check_user(user))
        self._users[envelope.id] = user
        if len(self._users) > MOST_ASKED:
            self._users.popitem(last=False)
        self.channel.send(envelope, question, patience_ms=_PATIENCE_MS)
        return envelope.id

    async def listen(self, after: int) -> AsyncIterator[str]:
        """Give what came after this number, and what comes, as events."""
        until = time.monotonic() + LONGEST_S
        self.listeners += 1
        try:
            yield ": hello\n\n"
            while time.monotonic() < until:
                fresh = [(number, body) for number, body in self._kept if number > after]
                for number, body in fresh:
                    yield f"id: {number}\ndata: {body}\n\n"
                    after = number
                if not fresh and not await self._wait(after):
                    yield ": alive\n\n"
        finally:
            self.listeners -= 1
            self.left_at = time.monotonic()

    async def _wait(self, after: int) -> bool:
        try:
            async with asyncio.timeout(_ALIVE_S), self._came:
                await self._came.wait_for(lambda: self._number > after)
        except TimeoutError:
            return False
        return True

    def _on_reply(self, delivered: Delivered) -> None:
        if not self._seen.is_new(delivered):
            return
        reply = delivered.reply
        self._tell(
            what="reply",
            id=reply.envelope_id,
            user=reply.chat,
            text=reply.text,
            last=reply.last,
            failed=reply.failed,
        )

    def _on_glimpse(self, glimpse: Glimpse) -> None:
        user = self._users.get(glimpse.envelope_id)
        if user is not None:
            self._tell(what="glimpse", id=glimpse.envelope_id, user=user, text=glimpse.text, attempt=glimpse.attempt)

    def _tell(self, **fields: object) -> None:
        """Hand something from a thread of the channel to the event loop."""
        body = json.dumps(fields)
        asyncio.run_coroutine_threadsafe(self._keep(body), self._loop)

    async def _keep(self, body: str) -> None:
        async with self._came:
            self._number += 1
            self._kept.append((self._number, body))
            self._came.notify_all()


class Chats:
    """The pages that are open."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pages: dict[str, Page] = {}
        self._opening = asyncio.Lock()

    def show(self, visit: Visit) -> Response:
        """Show the page."""
        return self._site.page(visit, "chat.html", title="Chat")

    async def stream(self, request: Request) -> Response:
        """Answer with what comes for a page."""
        session = session_of(self._site, request)
        if session is None or session.role < Role.OPERATOR:
            return PlainTextResponse("Log in as an operator first.", 401)
        page_id = request.query_params.get("page", "")
        if not _PAGE_ID.fullmatch(page_id):
            return PlainTextResponse("A page names itself.", _REFUSED)
        page = await self._open(f"{session.id}:{page_id}")
        if page is None:
            return PlainTextResponse("Too many pages talk at once; close one.", _TOO_MANY)
        last = request.headers.get("last-event-id", "")
        return StreamingResponse(
            page.listen(int(last) if last.isdecimal() and last.isascii() else 0),
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
        )

    def say(self, visit: Visit) -> Response:
        """Send a message of a page."""
        page = self._pages.get(f"{visit.session.id}:{visit.given('page')}")
        if page is None:
            return JSONResponse({"error": "The connection is being made anew; send it again in a moment."}, _TOO_MANY)
        text = next((value for name, value in visit.form if name == "text"), "")
        try:
            return JSONResponse({"id": page.say(visit.given("user"), text)})
        except Unusable as error:
            return JSONResponse({"error": str(error)}, _REFUSED)
        except OkosError as error:
            return JSONResponse({"error": str(error)}, _TOO_MANY)

    async def close(self) -> None:
        """Close all channels."""
        pages, self._pages = self._pages, {}
        for page in pages.values():
            await run_in_threadpool(page.channel.__exit__, None, None, None)

    async def tidy(self) -> None:
        """Close the channels of pages that did not come back."""
        now = time.monotonic()
        gone = [key for key, page in self._pages.items() if not page.listeners and now - page.left_at > AWAY_S]
        for key in gone:
            await run_in_threadpool(self._pages.pop(key).channel.__exit__, None, None, None)

    async def _open(self, key: str) -> Page | None:
        async with self._opening:
            await self.tidy()
            page = self._pages.get(key)
            if page is None and len(self._pages) < MOST_PAGES:
                page = Page(self._site, asyncio.get_running_loop())
                await run_in_threadpool(page.channel.__enter__)
                self._pages[key] = page
            return page

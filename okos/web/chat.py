"""People side by side: a browser's page talks to the running Okos as several users, by the local channel.

A page is one client of the channel: an outbox of its own, previews, the same intake as everybody's. What comes for it
is kept for a while, so that a page whose connection broke goes on where it was. Everything but the channel's two
threads happens in the event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from okos.errors import OkosError
from okos.local.channel import Delivered, Glimpse, LocalChannel, Seen
from okos.local.question import MOST_PHOTO_BYTES, Question, Unusable, check_photo, check_text, check_user, picture_type
from okos.web.access import Role
from okos.web.guard import lasting_session_of, while_it_lasts
from okos.web.live import LONGEST_S, STREAM_HEADERS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.requests import Request

    from okos.envelope import Attachment
    from okos.web.guard import Visit
    from okos.web.site import Site

#: Pages that talk at once: each holds two threads and three connections to the store.
MOST_PAGES = 12

#: What came while a page was not listening, and how long a page may be away until its channel is closed.
MOST_KEPT = 500
AWAY_S = 60.0

#: Answers that a page waits for at once; the oldest is forgotten, and its answer goes to nobody's pane.
MOST_ASKED = 2_000

#: The audit has an entry for each user that a session speaks as, and not for each message: so many, then one for all
#: others. Of sessions that many are remembered; one that is forgotten is written down anew.
MOST_SPOKEN = 20
MOST_SESSIONS = 200
OTHERS = "others"

#: Files of answers that a page may still ask for; their bytes end by themselves.
MOST_FILES = 200

_ALIVE_S = 10.0
_PATIENCE_MS = 3_000
_REFUSED, _TOO_MANY, _GONE = 422, 503, 404
#: Connections of one page: the old one may not know yet that it is broken.
MOST_LISTENERS = 4

_LAST = re.compile(r"([0-9a-f]{16})-([0-9]{1,15})")
_PAGE_ID = re.compile(r"[0-9a-f]{16,64}")


def place_of(last: str, epoch: str) -> int:
    """Read the number of the last event that a browser has seen.

    0 for none, for what is no number of ours, and for one that another channel of the page has counted: before the web
    started again, or before the page was away for long. This one counts from 1 again.
    """
    found = _LAST.fullmatch(last)
    return int(found[2]) if found is not None and found[1] == epoch else 0


class Spoken:
    """Whom each session has spoken as, on whatever page. May be asked from several threads."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = threading.Lock()

    def entry(self, session_id: str, user: str) -> str | None:
        """Tell for which mailbox the audit should have an entry now that a session spoke as a user; None: for none."""
        with self._lock:
            users = self._users.setdefault(session_id, set())
            self._users.move_to_end(session_id)
            if len(self._users) > MOST_SESSIONS:
                self._users.popitem(last=False)
            if user in users or len(users) > MOST_SPOKEN:
                return None
            users.add(user)
            return f"local:{user}" if len(users) <= MOST_SPOKEN else OTHERS


class Page:
    """One browser's page: its channel, and what came for it. Made and used in the event loop."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seen = Seen()
        self._kept: deque[tuple[int, str]] = deque(maxlen=MOST_KEPT)
        self._glimpses: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._number = 0
        self.epoch = secrets.token_hex(8)
        self._came = asyncio.Condition()
        self._users: OrderedDict[str, str] = OrderedDict()
        self._files: OrderedDict[str, Attachment] = OrderedDict()
        self.left_at = time.monotonic()
        self.listeners = 0
        self.closed = False
        self.channel = LocalChannel(site.settings, on_reply=self._on_reply, on_glimpse=self._on_glimpse)

    def say(self, user: str, question: Question) -> str:
        """Send a message as this user; returns its id. Blocks.

        Raises:
            OkosError: It was not accepted.
        """
        self.left_at = time.monotonic()  # it is about to listen again: the answer comes to this channel
        envelope = self.channel.envelope(question, user=check_user(user))
        self._users[envelope.id] = user
        if len(self._users) > MOST_ASKED:
            self._users.popitem(last=False)
        self.channel.send(envelope, question, patience_ms=_PATIENCE_MS)
        return envelope.id

    def file(self, key: str) -> tuple[Attachment, bytes] | None:
        """Read a file that came with an answer; None if it is gone. It stays, so that it can be asked for again."""
        file = self._files.get(key)
        content = None if file is None else self.channel.broker.read(file.name)
        return None if file is None or content is None else (file, content)

    async def listen(self, after: int) -> AsyncGenerator[str]:
        """Give what came after this number, and what comes, as events."""
        until = time.monotonic() + LONGEST_S
        self.listeners += 1
        try:
            yield ": hello\n\n"
            # One that was closed before it was listened to: the browser comes again, and gets another.
            while time.monotonic() < until and not self.closed:
                fresh = sorted(told for told in (*self._kept, *self._glimpses.values()) if told[0] > after)
                for number, body in fresh:
                    yield f"id: {self.epoch}-{number}\ndata: {body}\n\n"
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
            file=None if reply.attachment is None else self._offered(reply.kind, reply.attachment),
        )

    def _offered(self, kind: str, file: Attachment) -> dict[str, object]:
        """Let the page ask for a file, by a name that says nothing; and tell how it can be shown."""
        key = secrets.token_hex(8)
        self._files[key] = file
        if len(self._files) > MOST_FILES:
            self._files.popitem(last=False)
        return {"key": key, "kind": kind, "name": file.file_name or kind, "bytes": file.size_bytes}

    def _on_glimpse(self, glimpse: Glimpse) -> None:
        user = self._users.get(glimpse.envelope_id)
        if user is not None:
            self._tell(what="glimpse", id=glimpse.envelope_id, user=user, text=glimpse.text, attempt=glimpse.attempt)

    def _tell(self, **fields: object) -> None:
        """Hand something from a thread of the channel to the event loop."""
        told = self._keep(str(fields["id"]), json.dumps(fields), is_glimpse=fields["what"] == "glimpse")
        asyncio.run_coroutine_threadsafe(told, self._loop)

    async def _keep(self, envelope_id: str, body: str, *, is_glimpse: bool) -> None:
        async with self._came:
            self._number += 1
            # Of what is being written the last glimpse is enough: all of them would push answers out.
            self._glimpses.pop(envelope_id, None)
            if is_glimpse:
                self._glimpses[envelope_id] = (self._number, body)
                if len(self._glimpses) > MOST_KEPT:
                    self._glimpses.popitem(last=False)
            else:
                self._kept.append((self._number, body))
            self._came.notify_all()


class Chats:
    """The pages that are open."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pages: dict[str, Page] = {}
        self._opening = asyncio.Lock()
        self._spoken = Spoken()

    def show(self, visit: Visit) -> Response:
        """Show the page."""
        return self._site.page(visit, "chat.html", title="Chat", most_bytes=MOST_PHOTO_BYTES)

    async def stream(self, request: Request) -> Response:
        """Answer with what comes for a page."""
        session = await lasting_session_of(self._site, request)
        if session is None or session.role < Role.OPERATOR:
            return PlainTextResponse("Log in as an operator first.", 401)
        page_id = request.query_params.get("page", "")
        if not _PAGE_ID.fullmatch(page_id):
            return PlainTextResponse("A page names itself.", _REFUSED)
        page = await self._open(f"{session.id}:{page_id}")
        if page is None:
            return PlainTextResponse("Too many pages talk at once; close one.", _TOO_MANY)
        if page.listeners >= MOST_LISTENERS:
            return PlainTextResponse("This page listens already.", _TOO_MANY)
        last = request.headers.get("last-event-id", "")
        return StreamingResponse(
            while_it_lasts(self._site, session, page.listen(place_of(last, page.epoch))),
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
        )

    def say(self, visit: Visit) -> Response:
        """Send a text of a page."""
        return self._say(visit, lambda: Question(text=check_text(_text(visit))))

    def say_photo(self, visit: Visit, content: bytes) -> Response:
        """Send a photo of a page; the text is its caption."""

        def question() -> Question:
            caption = _text(visit)
            return Question(
                text=check_text(caption) if caption.strip() else "",
                photo=check_photo(content, file_name=visit.given("name")),
            )

        return self._say(visit, question)

    def _say(self, visit: Visit, question: Callable[[], Question]) -> Response:
        page = self._pages.get(f"{visit.session.id}:{visit.given('page')}")
        if page is None:
            return JSONResponse({"error": "The connection is being made anew; send it again in a moment."}, _TOO_MANY)
        user = visit.given("user")
        try:
            answer = JSONResponse({"id": page.say(user, question())})
        except Unusable as error:
            return JSONResponse({"error": str(error)}, _REFUSED)
        except OkosError as error:
            return JSONResponse({"error": str(error)}, _TOO_MANY)
        spoke_as = self._spoken.entry(visit.session.id, user)
        if spoke_as is not None:
            self._site.note(visit.who, "chat", spoke_as, "spoke; what is said is not kept here")
        return answer

    def file(self, visit: Visit) -> Response:
        """Give a file that came with an answer: shown if its bytes are a picture or a sound, else to be kept."""
        page = self._pages.get(f"{visit.session.id}:{visit.asked('page')}")
        found = None if page is None else page.file(visit.asked("key"))
        if found is None:
            return PlainTextResponse("That file is gone.", _GONE)
        file, content = found
        mime = picture_type(content) or sound_type(content)
        name = quote(file.file_name or "file", safe="")
        headers = {
            "content-disposition": f"{'inline' if mime else 'attachment'}; filename*=UTF-8''{name}",
            "content-security-policy": "sandbox",
        }
        return Response(content, media_type=mime or "application/octet-stream", headers=headers)

    async def close(self) -> None:
        """Close all channels."""
        pages, self._pages = self._pages, {}
        for page in pages.values():
            await run_in_threadpool(page.channel.__exit__, None, None, None)

    async def tidy(self) -> None:
        """Close the channels of pages that did not come back."""
        # Looked for anew each time: while one closes, another may be closed by somebody else, or come back.
        while (key := self._gone()) is not None:
            await self._close(key)

    def _gone(self) -> str | None:
        now = time.monotonic()
        pages = self._pages.items()
        return next((key for key, page in pages if not page.listeners and now - page.left_at > AWAY_S), None)

    async def _open(self, key: str) -> Page | None:
        async with self._opening:
            page = self._pages.get(key)
            if page is not None:
                page.left_at = time.monotonic()  # it is about to listen: not to be tidied away with what is on its way
            await self.tidy()
            if page is None and len(self._pages) >= MOST_PAGES:
                await self._close_one()
            if page is None and len(self._pages) < MOST_PAGES:
                page = Page(self._site, asyncio.get_running_loop())
                await run_in_threadpool(page.channel.__enter__)
                self._pages[key] = page
            return page

    async def _close_one(self) -> None:
        """Close the page that nobody has listened on for longest: most often one that was loaded anew."""
        left = [key for key, page in self._pages.items() if not page.listeners]
        if left:
            await self._close(min(left, key=lambda key: self._pages[key].left_at))

    async def _close(self, key: str) -> None:
        page = self._pages.pop(key)
        page.closed = True
        await run_in_threadpool(page.channel.__exit__, None, None, None)


def _text(visit: Visit) -> str:
    """Give what somebody wrote, with the spaces around it."""
    return next((value for name, value in visit.form if name == "text"), "")


def sound_type(content: bytes) -> str | None:
    """Tell what kind of sound these bytes begin like; None: of none that a browser plays."""
    if content.startswith(b"OggS"):
        return "audio/ogg"
    return "audio/mpeg" if content.startswith((b"ID3", b"\xff\xfb")) else None

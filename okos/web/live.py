"""One reading a second for all who look, pushed to their pages; none while nobody looks.

The parts of a page that change are rendered here, once for everybody: they hold no form, so they are the same for a
viewer and an operator.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from okos.errors import OkosError
from okos.web.guard import lasting_session_of, while_it_lasts
from okos.web.overview import read, render

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from okos.web.site import Site

EVERY_S = 1.0

#: A browser asks again by itself; so a session that has ended is found out.
LONGEST_S = 900.0

#: Pages that look at once; each is a connection that stays open.
MOST_LOOKING = 200

_PATIENCE_S = 10.0
_TOO_MANY = 503
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(name: str, content: str) -> str:
    """Write a server-sent event."""
    lines = "".join(f"data: {line}\n" for line in content.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


class Pulse:
    """Reads while somebody looks. Lives in the event loop; the reading itself in a thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._looking = 0
        self._latest = ""
        self._came = asyncio.Condition()
        self._beating: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether as many look as may."""
        return self._looking >= MOST_LOOKING

    async def follow(self) -> AsyncGenerator[str]:
        """Give each new reading as events, for as long as a browser should listen at once."""
        until = time.monotonic() + LONGEST_S
        self._looking += 1
        try:
            while time.monotonic() < until:
                if self._beating is None or self._beating.done():
                    self._beating = asyncio.create_task(self._beat())
                yield self._latest if await self._has_come() else ": alive\n\n"
        finally:
            self._looking -= 1

    async def _has_come(self) -> bool:
        """Wait for a reading; False if none came for a while, so that a browser that is gone is noticed."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._came:
                await self._came.wait()
        except TimeoutError:
            return False
        return True

    async def _beat(self) -> None:
        while self._looking:
            latest = await run_in_threadpool(self._read)
            async with self._came:
                self._latest = latest
                self._came.notify_all()
            await asyncio.sleep(EVERY_S)

    def _read(self) -> str:
        try:
            parts = render(self._site, read(self._site))
        except OkosError as error:
            parts = {"verdict": self._site.part("parts/away.html", reason=str(error))}
        return "".join(event(name, part) for name, part in parts.items())


def live(site: Site, pulse: Pulse) -> Any:  # Any: Starlette's endpoint
    """Make the stream of the overview."""

    async def endpoint(request: Request) -> Response:
        session = await lasting_session_of(site, request)
        if session is None:
            return PlainTextResponse("Log in first.", 401)
        if pulse.is_full:
            return PlainTextResponse("Too many pages look at once.", _TOO_MANY)
        events = while_it_lasts(site, session, pulse.follow())
        return StreamingResponse(events, media_type="text/event-stream", headers=STREAM_HEADERS)

    return endpoint

"""The routes: which path leads to which page, and who may go there."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from okos.errors import OkosError
from okos.local.question import MOST_PHOTO_BYTES
from okos.mailbox import StoreUnavailable
from okos.web import action, letters, login, mailbox, message, overview, probe, schedule
from okos.web.access import Role
from okos.web.chat import Chats
from okos.web.guard import Headers, acting, session_of, shown, uploading
from okos.web.host import NamedHosts
from okos.web.live import Pulse, live
from okos.web.site import HERE, Site

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Scope

    from okos.web.guard import Visit

_AWAY = 503
_MALFORMED = 400
_FAILED = 502
_TIDY_S = 15.0

#: A file with its version in its name never changes; ours change with an upgrade, and are asked for again.
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def build_app(site: Site) -> ASGIApp:
    """Make the application."""
    chats, pulse = Chats(site), Pulse(site)
    pages: dict[str, Callable[[Visit], Response]] = {
        "/": overview.show,
        "/history.json": overview.history,
        "/users": mailbox.show_users,
        "/mailbox": mailbox.show,
        "/find": message.find,
        "/message": message.show,
        "/dead": letters.show,
        "/schedule": schedule.show,
        "/audit": schedule.show_audit,
        "/settings": schedule.show_settings,
    }
    probes = {"/health": probe.health(site), "/ready": probe.ready(site), "/metrics": probe.metrics(site)}
    routes = [
        *(Route(path, shown(site, page)) for path, page in pages.items()),
        *(Route(f"/act/{name}", acting(site, _doing(name)), methods=["POST"]) for name in action.ACTIONS),
        Route("/live", live(site, pulse)),
        Route("/chat", shown(site, chats.show, role=Role.OPERATOR)),
        Route("/chat/stream", chats.stream),
        Route("/chat/file", shown(site, chats.file, role=Role.OPERATOR)),
        Route("/chat/say", acting(site, chats.say), methods=["POST"]),
        Route("/chat/photo", uploading(site, chats.say_photo, most_bytes=MOST_PHOTO_BYTES), methods=["POST"]),
        Route("/login", login.login(site), methods=["GET", "POST"]),
        Route("/logout", acting(site, login.log_out, role=Role.VIEWER, even_ended=True), methods=["POST"]),
        *(Route(path, ask) for path, ask in probes.items()),
        Mount("/static", _Static(directory=HERE / "static")),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            StoreUnavailable: _away(site),
            OkosError: _failed(site),
            HTTPException: _refused(site),
            ClientDisconnect: _left,
        },
        lifespan=_living(chats),
    )
    # Around everything: what Starlette says when a page breaks has the headers, too.
    return Headers(NamedHosts(app, hosts=site.settings.web.hosts, open_to_all=probes))


def _doing(name: str) -> Callable[[Visit], Response]:
    return lambda visit: action.do(name, visit)


def _living(chats: Chats) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    async def tidy() -> None:
        while True:
            await asyncio.sleep(_TIDY_S)
            await chats.tidy()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tidying = asyncio.create_task(tidy())
        yield
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
        await chats.close()

    return lifespan


def _away(site: Site) -> Callable[[Request, Exception], Response]:
    """Say that the store does not answer; a page that is looked at loads itself again."""

    def handle(request: Request, error: Exception) -> Response:
        if "text/html" not in request.headers.get("accept", "") or session_of(site, request) is None:
            return PlainTextResponse(f"{error}\n", _AWAY)
        return HTMLResponse(site.part("away.html", reason=str(error)), _AWAY, headers={"refresh": "5"})

    return handle


def _failed(site: Site) -> Callable[[Request, Exception], Response]:
    """Say what went wrong, when Okos can name it: most often the store holds what somebody wrote there by hand."""

    def handle(request: Request, error: Exception) -> Response:
        session = session_of(site, request)
        if session is None or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(f"{error}\n", _FAILED)
        return site.refusal(request, session, f"This cannot be shown: {error}", _FAILED)

    return handle


def _refused(site: Site) -> Callable[[Request, Exception], Response]:
    """Answer what has no page, or not by this method."""

    def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        session = session_of(site, request)
        if session is None:
            return PlainTextResponse("There is nothing here.\n", status)
        return site.refusal(request, session, "There is no such page. The menu has all there are.", status)

    return handle


def _left(_request: Request, _error: Exception) -> Response:
    """End what somebody left while they sent it: nobody hears the answer, and it is no fault of ours."""
    return Response(status_code=_MALFORMED)


class _Static(StaticFiles):
    """The files of static/, each with how long a browser may keep it."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = _FOREVER if "/vendor/" in str(full_path) else _ASK_AGAIN
        return response

"""Logging in and out: a token for a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from okos.errors import OkosError
from okos.web.access import MOST_WRONG
from okos.web.guard import COOKIE, address_of, is_foreign, lasting_session_of, own_path, read_form

if TYPE_CHECKING:
    from starlette.requests import Request

    from okos.web.guard import Visit
    from okos.web.site import Site

_log = structlog.get_logger()

NOBODY = "nobody@web"

STAYS = "You are logged out of this browser, but the store could not be told: a copy of its cookie still holds."

_WRONG, _FOREIGN, _TOO_OFTEN, _AWAY = 401, 403, 429, 503


def login(site: Site) -> Any:  # Any: Starlette's endpoint
    """Make the page that takes a token."""

    async def endpoint(request: Request) -> Response:
        to = own_path(request.query_params.get("next", "/"))
        if request.method == "POST":
            return await _take(site, request, to)
        return RedirectResponse(to, 303) if await lasting_session_of(site, request) else _form(site, to)

    return endpoint


async def _take(site: Site, request: Request, to: str) -> Response:
    address, now_ms = address_of(request), site.now_ms()
    if is_foreign(request):
        return _form(site, to, status=_FOREIGN, error="That form came from another site.")
    # read first: who sends many at once is counted as they come in
    form = dict(await read_form(request) or [])
    wait_ms = site.attempts.wait_ms(address, now_ms=now_ms)
    if wait_ms:
        wait_s = -(-wait_ms // 1000)
        answer = _form(site, to, status=_TOO_OFTEN, error=f"Too many wrong tokens. Try again in {wait_s} s.")
        answer.headers["retry-after"] = str(wait_s)
        return answer
    role = site.keyring.role_of(form.get("token", "").strip())
    if role is None:
        begun = site.attempts.failed(address, now_ms=now_ms)
        _log.warning("a wrong token was given to the web", address=address)
        if begun:
            said = f"{MOST_WRONG} in a row from {address}, which waits"
            said += f"; {begun - 1} such before, not written down" if begun > 1 else ""
            await run_in_threadpool(site.note, NOBODY, "give wrong tokens", "web", said)
        return _form(site, to, status=_WRONG, error="That is not a token of this Okos.")
    site.attempts.succeeded(address)
    session = site.keyring.begin(role, now_ms=now_ms)
    _log.info("somebody logged in to the web", role=role.title, session=session.id[:6], address=address)
    await run_in_threadpool(site.note, session.who, "log in", "web", f"from {address}")
    return site.log_in(request, session, to)


def _form(site: Site, to: str, *, status: int = 200, error: str = "") -> Response:
    return HTMLResponse(site.part("login.html", next=to, error=error), status)


def log_out(visit: Visit) -> Response:
    """Take the session away from a browser, and end it for all who have its cookie."""
    response: Response = RedirectResponse("/login", 303)
    try:
        visit.site.end(visit.session)
    except OkosError as error:
        _log.warning("a session could not be ended", who=visit.who, reason=str(error))
        response = _form(visit.site, "/", status=_AWAY, error=STAYS)
    visit.site.note(visit.who, "log out", "web", f"from {address_of(visit.request)}")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response

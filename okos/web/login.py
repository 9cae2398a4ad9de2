"""Logging in and out: a token for a cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from okos.mailbox import StoreUnavailable
from okos.web.guard import COOKIE, is_foreign, own_path, read_form, session_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from okos.web.guard import Visit
    from okos.web.site import Site

_log = structlog.get_logger()

_WRONG, _FOREIGN, _TOO_OFTEN = 401, 403, 429


def login(site: Site) -> Any:  # Any: Starlette's endpoint
    """Make the page that takes a token."""

    async def endpoint(request: Request) -> Response:
        to = own_path(request.query_params.get("next", "/"))
        if request.method == "GET":
            return RedirectResponse(to, 303) if session_of(site, request) else _form(site, to)
        return await _take(site, request, to)

    return endpoint


async def _take(site: Site, request: Request, to: str) -> Response:
    address, now_ms = request.client.host if request.client else "unknown", site.now_ms()
    wait_ms = site.attempts.wait_ms(address, now_ms=now_ms)
    if wait_ms:
        wait_s = -(-wait_ms // 1000)
        answer = _form(site, to, status=_TOO_OFTEN, error=f"Too many wrong tokens. Try again in {wait_s} s.")
        answer.headers["retry-after"] = str(wait_s)
        return answer
    if is_foreign(request):
        return _form(site, to, status=_FOREIGN, error="That form came from another site.")
    form = dict(await read_form(request) or [])
    role = site.keyring.role_of(form.get("token", "").strip())
    if role is None:
        site.attempts.failed(address, now_ms=now_ms)
        _log.warning("a wrong token was given to the web", address=address)
        return _form(site, to, status=_WRONG, error="That is not a token of this Okos.")
    site.attempts.succeeded(address)
    session = site.keyring.begin(role, now_ms=now_ms)
    _log.info("somebody logged in to the web", role=role.title, session=session.id[:6], address=address)
    await _note(site, f"{role.title}@web/{session.id[:6]}", address)
    return site.log_in(request, session, to)


def _form(site: Site, to: str, *, status: int = 200, error: str = "") -> Response:
    return HTMLResponse(site.part("login.html", next=to, error=error), status)


def log_out(_visit: Visit) -> Response:
    """Take the session away from a browser."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


async def _note(site: Site, who: str, address: str) -> None:
    """Write a login into the audit, if the store answers: who looks why it does not must get in, too."""
    try:
        await run_in_threadpool(site.broker.note, who, "log in", "web", f"from {address}")
    except StoreUnavailable:
        _log.warning("a login could not be written into the audit", who=who)

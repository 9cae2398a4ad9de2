"""What every request passes: who asks, may they, was the form made here; and the headers of every answer.

The rule kept here: nothing is shown without a session that nobody has logged out of, and nothing is changed without one
that may, a form that carries its CSRF token, and a browser that does not say that the form is another site's.
"""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from okos.mailbox import StoreUnavailable
from okos.web.access import Role, Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from okos.web.site import Site

COOKIE = "okos_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"

#: A form that selects a thousand dead letters has about 50 kB.
MOST_FORM_BYTES = 256 * 1024
MOST_FIELDS = 2_000
#: What goes into a header of an answer: browsers refuse answers with more than some kilobytes of them.
MOST_PATH = 2_000

#: How often a stream asks whether its session was ended.
LOOK_S = 5.0

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_NO_STORE = "no-store"
#: Who came by TLS once is not to be led to go without, for half a year.
_BY_TLS = "max-age=15768000"
_MALFORMED, _FORBIDDEN, _TOO_LARGE = 400, 403, 413


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who has logged in.

    Attributes:
        form: The fields of a POST, in their order; empty for a GET.
    """

    request: Request
    site: Site
    session: Session
    form: Sequence[tuple[str, str]] = ()

    def asked(self, name: str, default: str = "") -> str:
        """Give a parameter of the address, without spaces around it."""
        return self.request.query_params.get(name, default).strip()

    def asked_number(self, name: str, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """Give a parameter of the address as a number within bounds; the least if it is none."""
        text = self.asked(name)
        return min(most, max(least, int(text))) if text.isascii() and text.isdigit() and len(text) < 12 else least  # noqa: PLR2004

    def given(self, name: str, default: str = "") -> str:
        """Give a field of the form, without spaces around it."""
        return next((value.strip() for field_name, value in self.form if field_name == name), default)

    def given_all(self, name: str) -> list[str]:
        """Give every field of this name."""
        return [value for field_name, value in self.form if field_name == name]

    @property
    def who(self) -> str:
        """Name who acts, for the audit."""
        return self.session.who


def shown(
    site: Site, page: Callable[[Visit], Response], *, role: Role = Role.VIEWER
) -> Any:  # Any: Starlette's endpoint
    """Let who may see it see a page, which is made in a thread; others log in first."""

    async def endpoint(request: Request) -> Response:
        session = session_of(site, request)
        if session is None:
            return to_login(request)
        if session.role < role:
            return site.refusal(request, session, "This page is for operators; you are logged in to look.", _FORBIDDEN)
        return await run_in_threadpool(_unless_ended, page, Visit(request=request, site=site, session=session))

    return endpoint


def acting(
    site: Site, deed: Callable[[Visit], Response], *, role: Role = Role.OPERATOR, even_ended: bool = False
) -> Any:  # Any: as above
    """Let who may act act, in a thread; with `even_ended` without asking the store whether the session was ended."""

    async def endpoint(request: Request) -> Response:
        session = session_of(site, request)
        if session is None:
            return to_login(request)
        form = await read_form(request)
        if form is None:
            return PlainTextResponse("That form is too large.", _TOO_LARGE)
        given = request.headers.get(CSRF_HEADER) or next((value for name, value in form if name == CSRF_FIELD), "")
        if is_foreign(request) or not site.keyring.is_csrf(session, given):
            return site.refusal(
                request, session, "That form is not from this page, or too old. Go back, load it again.", _FORBIDDEN
            )
        if session.role < role:
            return site.refusal(request, session, "You are logged in to look; an operator may do this.", _FORBIDDEN)
        visit = Visit(request=request, site=site, session=session, form=form)
        return await (run_in_threadpool(deed, visit) if even_ended else run_in_threadpool(_unless_ended, deed, visit))

    return endpoint


def uploading(
    site: Site, deed: Callable[[Visit, bytes], Response], *, most_bytes: int, role: Role = Role.OPERATOR
) -> Any:  # Any: as above
    """Let who may act send a file, in a thread: after one line of JSON with the fields that a form would have.

    The CSRF token is in a header; who may not act is told so before anything is read.
    """

    async def endpoint(request: Request) -> Response:
        session = session_of(site, request)
        if session is None:
            return to_login(request)
        if is_foreign(request) or not site.keyring.is_csrf(session, request.headers.get(CSRF_HEADER, "")):
            return site.refusal(request, session, "That is not from this page, or too old. Load it again.", _FORBIDDEN)
        if session.role < role:
            return site.refusal(request, session, "You are logged in to look; an operator may do this.", _FORBIDDEN)
        body = await read_body(request, most_bytes + MOST_FORM_BYTES)
        if body is None:
            return PlainTextResponse("That file is too large.", _TOO_LARGE)
        line, _, content = body.partition(b"\n")
        fields = _fields(line)
        if fields is None:
            return PlainTextResponse("A file comes after a line of JSON.", _MALFORMED)
        visit = Visit(request=request, site=site, session=session, form=fields)
        return await run_in_threadpool(_unless_ended, lambda visit: deed(visit, content), visit)

    return endpoint


def _fields(line: bytes) -> list[tuple[str, str]] | None:
    if len(line) > MOST_FORM_BYTES:
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    return list(said.items())


def session_of(site: Site, request: Request) -> Session | None:
    """Tell who asks, by the cookie alone: it may have been logged out. What is shown or done asks for that, too."""
    cookie = request.cookies.get(COOKIE)
    return None if cookie is None else site.keyring.read_cookie(cookie, now_ms=site.now_ms())


def _unless_ended(deed: Callable[[Visit], Response], visit: Visit) -> Response:
    """Do it, in the same thread, if nobody has logged out of the session."""
    return to_login(visit.request) if visit.site.has_ended(visit.session) else deed(visit)


async def lasting_session_of(site: Site, request: Request) -> Session | None:
    """Tell who asks, unless somebody logged out of that session. While the store is away nobody can have."""
    session = session_of(site, request)
    return None if session is None or await _has_ended(site, session) else session


async def while_it_lasts(site: Site, session: Session, events: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """Pass events on until somebody logs out of the session."""
    looked = time.monotonic()
    async with aclosing(events):
        async for event in events:
            if time.monotonic() - looked >= LOOK_S:
                if await _has_ended(site, session):
                    return
                looked = time.monotonic()
            yield event


async def _has_ended(site: Site, session: Session) -> bool:
    try:
        return await run_in_threadpool(site.has_ended, session)
    except StoreUnavailable:
        return False


def address_of(request: Request) -> str:
    """Tell where a request is from: the browser's address, or that of a proxy that is not believed."""
    return request.client.host if request.client else "unknown"


def to_login(request: Request) -> Response:
    """Send a page's reader to the login, and back afterwards; refuse what is no page."""
    if (
        request.method != "GET"
        or "text/html" not in request.headers.get("accept", "")
        or "hx-request" in request.headers
    ):
        return PlainTextResponse("Log in first.", 401, headers={"hx-redirect": "/login"})
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if asked == "/" else f"/login?next={quote(asked)}", 303)


def is_foreign(request: Request) -> bool:
    """Tell whether the browser says that another site sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host')}"


async def read_form(request: Request) -> list[tuple[str, str]] | None:
    """Read the fields of a form; None if there are too many."""
    body = await read_body(request, MOST_FORM_BYTES)
    if body is None:
        return None
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None


async def read_body(request: Request, most_bytes: int) -> bytes | None:
    """Read what was sent; None if it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            return None
    return bytes(body)


def own_path(path: str, default: str = "/") -> str:
    """Return a path of this site, and the default for anything that might lead elsewhere."""
    is_own = (
        len(path) <= MOST_PATH
        and path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and path.isprintable()
        and "\\" not in path
    )
    return path if is_own else default


@dataclass(slots=True)
class Headers:
    """Adds the headers to every answer: what the browser may load, keep and tell."""

    app: ASGIApp
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in self.headers.items()]
                if scope["scheme"] == "https":
                    added.append((b"strict-transport-security", _BY_TLS.encode()))
                if b"cache-control" not in there:
                    added.append((b"cache-control", _NO_STORE.encode()))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)

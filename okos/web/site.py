"""What the pages are made with: the settings, the broker, the keyring, the templates."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import structlog
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from okos.mailbox import StoreUnavailable
from okos.operate.desk import Desk
from okos.web.access import Attempts, Keyring, Role, Session
from okos.web.guard import COOKIE, Visit, own_path
from okos.web.words import FILTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from okos.mailbox import MailboxBroker
    from okos.operate.overview import Watch
    from okos.settings import Settings

_log = structlog.get_logger()

HERE = Path(__file__).parent
FLASH = "okos_flash"
_FLASH_S = 60
#: Before a session's id: the name of the value that says that it was logged out. It ends when the cookie would have.
ENDED = "web:ended:"
#: A cookie may have 4,096 bytes, and this is JSON in base64: six bytes for an odd character, and a third more.
MOST_SAID = 400

#: The pages of the menu, in its order: path, title.
MENU = (
    ("/", "Overview"),
    ("/users", "Users"),
    ("/dead", "Dead letters"),
    ("/schedule", "Schedule"),
    ("/audit", "Audit"),
    ("/settings", "Settings"),
    ("/chat", "Chat"),
)


def wall_ms() -> int:
    """Tell the time of day."""
    return time.time_ns() // 1_000_000


def make_templates() -> jinja2.Environment:
    """Make the environment of the templates: escaped, strict about what is missing."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    return templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every page is handed.

    Attributes:
        settings: Those of the Okos that is looked at; `redis_url` is set.
        broker: A client of its store; never a worker.
        keyring: Who may log in.
        watch: Looks for who waits, not more often than it is worth.
        now_ms: The time of day.
    """

    settings: Settings
    broker: MailboxBroker
    keyring: Keyring
    watch: Watch
    templates: jinja2.Environment = field(default_factory=make_templates)
    attempts: Attempts = field(default_factory=Attempts)
    now_ms: Callable[[], int] = wall_ms

    def desk(self, visit: Visit) -> Desk:
        """Give what changes things, in the name of who visits."""
        return Desk(self.broker, who=visit.who)

    def note(self, who: str, action: str, target: str, outcome: str) -> None:
        """Write what changed nothing into the audit, if the store answers. Blocks.

        Who looks why it does not must get in, too.
        """
        try:
            self.broker.note(who, action, target, outcome, is_visit=True)
        except StoreUnavailable:
            _log.warning("a visit could not be written into the audit", who=who, action=action)

    def end(self, session: Session) -> None:
        """End a session before its time, for every browser that has its cookie. Blocks.

        Raises:
            OkosError: The store did not take it; the session goes on.
        """
        left_ms = max(1, session.ends_ms - self.now_ms())
        self.broker.write(ENDED + session.id, b"1", ttl_ms=left_ms)

    def has_ended(self, session: Session) -> bool:
        """Tell whether a session was ended before its time. Blocks, for one round trip.

        Raises:
            StoreUnavailable: Nobody can say.
        """
        return self.broker.read(ENDED + session.id) is not None

    def page(self, visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response:  # Any: as shown
        """Make a page."""
        request, session = visit.request, visit.session
        flash = request.cookies.get(FLASH)
        said = None if flash is None else self.keyring.unseal("flash", flash)
        html = self.part(
            template,
            **context,
            path=request.url.path,
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            menu=MENU,
            role=session.role.title,
            acts=session.role >= Role.OPERATOR,
            csrf=self.keyring.csrf(session),
            flash=None if said is None else json.loads(said),
        )
        response = HTMLResponse(html, status)
        if flash is not None:
            response.delete_cookie(FLASH)
        return response

    def part(self, template: str, **context: Any) -> str:  # Any: the template's
        """Render a template."""
        return self.templates.get_template(template).render(settings=self.settings, now_ms=self.now_ms(), **context)

    def told(self, visit: Visit, text: str, *, good: bool = True) -> Response:
        """Go back to where the form was, and say there what came of it."""
        response = RedirectResponse(own_path(visit.given("back", "/")), 303)
        sealed = self.keyring.seal("flash", json.dumps({"text": text[:MOST_SAID], "good": good}))
        response.set_cookie(
            FLASH, sealed, max_age=_FLASH_S, httponly=True, samesite="strict", secure=is_secure(visit.request)
        )
        return response

    def refusal(self, request: Request, session: Session, text: str, status: int) -> Response:
        """Say no, as a page to a reader and as a line to a program."""
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(text, status)
        visit = Visit(request=request, site=self, session=session)
        return self.page(visit, "sorry.html", status=status, title="Not like this", text=text)

    def log_in(self, request: Request, session: Session, to: str) -> Response:
        """Give a browser its session."""
        response = RedirectResponse(own_path(to), 303)
        response.set_cookie(
            COOKIE,
            self.keyring.cookie(session),
            max_age=(session.ends_ms - self.now_ms()) // 1000,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return response


def is_secure(request: Request) -> bool:
    """Tell whether the browser came by TLS: then its cookies never go without."""
    return request.url.scheme == "https"

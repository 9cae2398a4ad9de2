"""Dead letters: found by user, kind, error and time, one by one or by what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from okos.operate.text import describe_message
from okos.web.action import ask_requeue_all

if TYPE_CHECKING:
    from starlette.responses import Response

    from okos.web.guard import Visit

PAGE = 50
SINCE = {"": ("any time", None), "hour": ("the last hour", 3_600_000), "day": ("the last day", 86_400_000)}
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; empty: anything."""

    mailbox: str
    actor: str
    error: str
    since: str

    def query(self, **more: object) -> str:
        """Write it as the query of an address, without what is empty."""
        fields = {"mailbox": self.mailbox, "actor": self.actor, "error": self.error, "since": self.since} | more
        return urlencode({name: value for name, value in fields.items() if value not in {"", None, 0}})

    @property
    def is_any(self) -> bool:
        """Whether nothing narrows it."""
        return not (self.mailbox or self.actor or self.error or self.since)


def longest_piece(error: str) -> str:
    """Give the longest piece of a group's error that every letter of it holds: between the numbers that differ."""
    return max((piece.strip() for piece in error.split("…")), key=len)


def show(visit: Visit) -> Response:
    """Show dead letters, or what went wrong with how many."""
    broker, offset = visit.site.broker, visit.asked_number("offset")
    search = Search(
        mailbox=visit.asked("mailbox")[:_LONGEST],
        actor=visit.asked("actor")[:_LONGEST],
        error=visit.asked("error")[:_LONGEST],
        since=visit.asked("since") if visit.asked("since") in SINCE else "",
    )
    ago_ms = SINCE[search.since][1]
    since_ms = None if ago_ms is None else visit.site.now_ms() - ago_ms
    grouped = visit.asked("by") == "error"
    filters: dict[str, Any] = {  # Any: each fits its parameter
        "mailbox": search.mailbox or None,
        "actor": search.actor or None,
        "error": search.error or None,
        "since_ms": since_ms,
    }
    groups = broker.failed_groups(**filters) if grouped else []
    letters = [] if grouped else broker.failed(**filters, offset=offset, limit=PAGE + 1)
    texts = visit.site.settings.web.show_texts
    return visit.site.page(
        visit,
        "letters.html",
        title="Dead letters",
        search=search,
        grouped=grouped,
        groups=[(group, search.query(error=longest_piece(group.error), actor=group.actor)) for group in groups],
        letters=letters[:PAGE],
        contents={
            letter.id: describe_message(letter.message, texts=texts)
            for letter in letters
            if letter.message is not None and texts
        },
        has_more=len(letters) > PAGE,
        offset=offset,
        most=PAGE,
        total=broker.stats().dead,
        since=SINCE,
        since_ms=since_ms,
        question=ask_requeue_all(mailbox=search.mailbox, kind=search.actor, error=search.error),
    )

"""Dead letters: found by user, kind, error and time, one by one or by what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from okos.operate.text import describe_message
from okos.web.action import ask_discard_all, ask_requeue_all, which_letters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from okos.mailbox import DeadGroup
    from okos.web.guard import Visit

PAGE = 50
SINCE = {
    "": ("any time", None),
    "hour": ("the last hour", 3_600_000),
    "day": ("the last day", 86_400_000),
    "week": ("the last week", 604_800_000),
}
_LONGEST = 512
_LONGEST_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; empty: anything. `alike` is an error but for its numbers, `error` a part of one."""

    mailbox: str
    actor: str
    error: str
    alike: str
    since: str

    def query(self, **more: object) -> str:
        """Write it as the query of an address, without what is empty."""
        fields = {"mailbox": self.mailbox, "actor": self.actor, "error": self.error, "alike": self.alike}
        wanted = fields | {"since": self.since} | more
        return urlencode({name: value for name, value in wanted.items() if value not in {"", None, 0}})

    @property
    def is_any(self) -> bool:
        """Whether nothing narrows it."""
        return not (self.mailbox or self.actor or self.error or self.alike or self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Dead letters that a button means: the fields of its form, and what is asked before."""

    fields: Mapping[str, object]
    requeue: str
    discard: str


def show(visit: Visit) -> Response:
    """Show dead letters, or what went wrong with how many."""
    broker, offset = visit.site.broker, visit.asked_number("offset")
    search = _search(visit)
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
    letters = [] if grouped else broker.failed(**filters, alike=search.alike or None, offset=offset, limit=PAGE + 1)
    texts = visit.site.settings.web.show_texts
    return visit.site.page(
        visit,
        "letters.html",
        title="Dead letters",
        search=search,
        grouped=grouped,
        groups=[_group(search, group, since_ms) for group in groups],
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
        meant=_meant(search, since_ms),
    )


def _search(visit: Visit) -> Search:
    return Search(
        mailbox=visit.asked("mailbox")[:_LONGEST],
        actor=visit.asked("actor")[:_LONGEST],
        error=visit.asked("error")[:_LONGEST],
        alike=visit.asked("alike")[:_LONGEST_ERROR],
        since=visit.asked("since") if visit.asked("since") in SINCE else "",
    )


def _group(search: Search, group: DeadGroup, since_ms: int | None) -> tuple[DeadGroup, str, Meant | None]:
    """Give a group, the address of its letters, and what its buttons mean; none if it cannot be told from others."""
    its = replace(search, alike=group.error, actor=group.actor or "")
    return group, its.query(), _meant(its, since_ms) if its.alike and its.actor else None


def _meant(search: Search, since_ms: int | None) -> Meant:
    named = {"mailbox": search.mailbox, "actor": search.actor, "error": search.error, "alike": search.alike}
    which = which_letters(**named, is_recent=since_ms is not None)
    return Meant(
        fields=named | {"since_ms": since_ms or ""}, requeue=ask_requeue_all(which), discard=ask_discard_all(which)
    )

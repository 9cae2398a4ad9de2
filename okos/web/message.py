"""One message from its arrival to its end, and finding one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from okos.operate.text import describe_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.mailbox import Event
    from okos.web.guard import Visit

_LONGEST_ID = 512

STATES = {
    "delayed": "Outside its mailbox until its time comes.",
    "waiting": "In its mailbox, waiting for its turn.",
    "running": "A worker has it.",
    "backoff": "An attempt failed; it keeps its place and runs again.",
    "done": "Handled.",
    "dead": "Given up: a dead letter.",
    "ended": "Over; nothing of it is kept but its id.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened to a message, and how long after what happened before."""

    event: Event
    after_ms: int | None


def show(visit: Visit) -> Response:
    """Show a message's timeline."""
    message_id = visit.asked("id")[:_LONGEST_ID]
    detail = visit.site.broker.message(message_id)
    if detail is None:
        return visit.site.page(
            visit,
            "sorry.html",
            status=404,
            title="No such message",
            text=f"There is no message {message_id!r}: it was never here, or is over and no longer kept.",
        )
    texts = visit.site.settings.web.show_texts
    content: dict[str, Any] | None = None if detail.message is None else describe_message(detail.message, texts=texts)
    return visit.site.page(
        visit,
        "message.html",
        title=f"Message {message_id}",
        detail=detail,
        state=STATES.get(detail.state, ""),
        steps=steps(detail.events),
        content=content,
        texts=texts,
    )


def steps(events: Sequence[Event]) -> list[Step]:
    """Say of each event how long it came after the one before."""
    before = [None, *events][: len(events)]
    return [
        Step(event=event, after_ms=None if earlier is None else event.at_ms - earlier.at_ms)
        for earlier, event in zip(before, events, strict=True)
    ]


def find(visit: Visit) -> Response:
    """Go to the message or the mailbox that somebody looks for, else to the users whose name holds it."""
    wanted = visit.asked("q")[:_LONGEST_ID]
    if not wanted:
        return RedirectResponse("/users", 303)
    if visit.site.broker.message(wanted) is not None:
        return RedirectResponse(f"/message?{urlencode({'id': wanted})}", 303)
    if ":" in wanted:
        return RedirectResponse(f"/mailbox?{urlencode({'key': wanted})}", 303)
    return RedirectResponse(f"/users?{urlencode({'q': wanted})}", 303)

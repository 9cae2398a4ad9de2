"""One message from its arrival to its end, and finding one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from okos.operate.story import read_story
from okos.operate.text import describe_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.operate.story import Step, Story
    from okos.web.guard import Visit

_LONGEST_ID = 512

_OPEN = frozenset({"waiting", "running", "backoff", "delayed"})
_MEASURED_MS = 30_000

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
class Moment:
    """A step of a message's story, and how long it came after the one before; None if nobody knows."""

    step: Step
    after_ms: int | None


def show(visit: Visit) -> Response:
    """Show a message's timeline."""
    message_id = visit.asked("id")[:_LONGEST_ID]
    story = read_story(visit.site.broker, message_id)
    if story is None:
        return visit.site.page(
            visit,
            "sorry.html",
            status=404,
            title="No such message",
            text=f"There is no message {message_id!r}: it was never here, or is over and no longer kept.",
        )
    detail, texts = story.detail, visit.site.settings.web.show_texts
    content: dict[str, Any] | None = None if detail.message is None else describe_message(detail.message, texts=texts)
    return visit.site.page(
        visit,
        "message.html",
        title=f"Message {message_id}",
        detail=detail,
        state=STATES.get(detail.state, ""),
        moments=moments(story.steps),
        moves=_moves(story, visit.site.now_ms()),
        content=content,
        texts=texts,
    )


def _moves(story: Story, now_ms: int) -> bool:
    """Tell whether more may happen: to it, or to its answer. What its workers measured comes with their heartbeats."""
    detail = story.detail
    if detail.state in _OPEN or any(one.state in _OPEN for one in story.sent):
        return True
    return detail.ended_at_ms is not None and now_ms - detail.ended_at_ms < _MEASURED_MS


def moments(steps: Sequence[Step]) -> list[Moment]:
    """Say of each step how long it came after the one before."""
    before = [None, *(step.at_ms for step in steps)][: len(steps)]
    return [
        Moment(step=step, after_ms=None if earlier is None or step.at_ms is None else max(0, step.at_ms - earlier))
        for earlier, step in zip(before, steps, strict=True)
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

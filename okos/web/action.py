"""What an operator can do from a page: one entry each, with the question that is asked before it destroys.

The rule kept here: every deed goes through the desk, which writes it down; one with a question is done only when the
form says that it was answered, whatever the browser did or did not ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okos.errors import OkosError
from okos.web.guard import own_path
from okos.web.words import number, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from okos.mailbox import Which
    from okos.operate.desk import Desk
    from okos.web.guard import Visit

CONFIRMED = "confirmed"
PAUSE_ALL = "Pause everything? What runs goes on; nothing else starts, for nobody, until it is resumed."

#: Fields that the confirmation repeats are all but these.
_NOT_REPEATED = {"csrf", CONFIRMED}


_INSTANT = re.compile(r"[0-9]{1,15}")


class WrongForm(OkosError):
    """A field has a value that cannot be meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that an operator can do.

    Attributes:
        label: What its button says.
        question: What is asked before; None if it destroys nothing and is undone by one click.
        act: Does it, and says what came of it.
    """

    label: str
    question: Callable[[Visit], str] | None
    act: Callable[[Desk, Visit], str]


def do(name: str, visit: Visit) -> Response:
    """Do what a form asks for, once it is sure, and go back with what came of it."""
    action = ACTIONS[name]
    if action.question is not None and visit.given(CONFIRMED) != "yes":
        return visit.site.page(
            visit,
            "confirm.html",
            title=action.label,
            question=action.question(visit),
            label=action.label,
            fields=repeated(visit.form),
            back=own_path(visit.given("back", "/")),
        )
    try:
        said = action.act(visit.site.desk(visit), visit)
    except OkosError as error:
        return visit.site.told(visit, f"{action.label}: {error}", good=False)
    return visit.site.told(visit, said)


def repeated(form: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the fields that a confirmation sends again."""
    return [(name, value) for name, value in form if name not in _NOT_REPEATED]


def _pause(desk: Desk, visit: Visit) -> str:
    key = _key(visit)
    changed = desk.pause(key)
    return f"{key} is paused: nothing of it starts until it is resumed." if changed else f"{key} was paused already."


def _resume(desk: Desk, visit: Visit) -> str:
    key = _key(visit)
    return f"{key} goes on." if desk.resume(key) else f"{key} was not paused."


def _pause_all(desk: Desk, _visit: Visit) -> str:
    return "Everything is paused." if desk.pause(None) else "Everything was paused already."


def _resume_all(desk: Desk, _visit: Visit) -> str:
    return "Everything goes on." if desk.resume(None) else "Nothing was paused."


def _cancel(desk: Desk, visit: Visit) -> str:
    message_id = visit.given("id")
    match desk.cancel(message_id):
        case "cancelled":
            return f"Message {message_id} is cancelled."
        case "flagged":
            return f"Message {message_id} runs; it is being stopped."
        case _:
            return f"Message {message_id} had ended already."


def _cancel_mailbox(desk: Desk, visit: Visit) -> str:
    cancelled, stopped = desk.cancel_mailbox(_key(visit))
    return f"{plural(cancelled, 'message')} cancelled, {number(stopped)} being stopped."


def _limit(desk: Desk, visit: Visit) -> str:
    key = _key(visit)
    jobs, rate, burst = (_positive(visit, name) for name in ("max_jobs_per_user", "jobs_per_second", "burst"))
    desk.limit(
        key,
        max_jobs_per_user=None if jobs is None else _whole("max_jobs_per_user", jobs),
        jobs_per_second=rate,
        burst=None if burst is None else _whole("burst", burst),
    )
    own = [value for value in (jobs, rate, burst) if value is not None]
    return f"{key} has limits of its own." if own else f"{key} has everybody's limits."


def _unlimit(desk: Desk, visit: Visit) -> str:
    desk.limit(_key(visit))
    return f"{_key(visit)} has everybody's limits again."


def _requeue(desk: Desk, visit: Visit) -> str:
    count = desk.requeue(_selected(visit))
    return f"{plural(count, 'dead letter')} requeued, each at the end of its mailbox."


def _discard(desk: Desk, visit: Visit) -> str:
    return f"{plural(desk.discard(_selected(visit)), 'dead letter')} deleted."


def _requeue_all(desk: Desk, visit: Visit) -> str:
    count = desk.requeue_all(**_wanted(visit))
    return f"{plural(count, 'dead letter')} requeued, each at the end of its mailbox."


def _discard_all(desk: Desk, visit: Visit) -> str:
    return f"{plural(desk.discard_all(**_wanted(visit)), 'dead letter')} deleted."


def _wanted(visit: Visit) -> Which:
    since = visit.given("since_ms")
    if since and not _INSTANT.fullmatch(since):
        raise WrongForm(f"since_ms should be an instant in milliseconds, not {since!r:.40}")
    return {
        "mailbox": visit.given("mailbox") or None,
        "since_ms": int(since) if since else None,
        "error": visit.given("error") or None,
        "alike": visit.given("alike") or None,
        "actor": visit.given("actor") or None,
    }


def _key(visit: Visit) -> str:
    """Give the mailbox that is meant: without one, the engine's calls would mean all of them."""
    key = visit.given("key")
    if not key:
        raise WrongForm("no mailbox is named")
    return key


def _selected(visit: Visit) -> list[str]:
    ids = visit.given_all("id")
    if not ids:
        raise WrongForm("no dead letter is selected")
    return ids


def _positive(visit: Visit, name: str) -> float | None:
    text = visit.given(name).replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1_000_000:  # noqa: PLR2004 - more than that is a slip; nan is neither
        raise WrongForm(f"{name} should be a number from 0 to a million, not {text!r:.40}")
    return value


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise WrongForm(f"{name} should be a whole number, not {value}")
    return int(value)


def _ask_cancel_mailbox(visit: Visit) -> str:
    return f"Cancel all that waits in {visit.given('key')}, and stop what runs? Nobody gets an answer to it."


def ask_requeue_all(which: str) -> str:
    """Ask whether all dead letters that fit should be requeued."""
    return f"Requeue {which}? Each is handled once more, and its user may get a second answer."


def ask_discard_all(which: str) -> str:
    """Ask whether all dead letters that fit should be deleted."""
    return f"Delete {which} for good? They cannot be requeued then."


def which_letters(*, mailbox: str, actor: str, error: str, alike: str, is_recent: bool) -> str:
    """Name the dead letters that fit, as a question does."""
    wanted = {"mailbox": mailbox, "kind": actor, "error": alike, "error that holds": error}
    chosen = [f"{name} {value!r}" for name, value in wanted.items() if value]
    which = f"every dead letter with {' and '.join(chosen)}" if chosen else "every dead letter"
    return f"{which} of the time that is chosen" if is_recent else which


def _asked_for(visit: Visit) -> str:
    return which_letters(
        mailbox=visit.given("mailbox"),
        actor=visit.given("actor"),
        error=visit.given("error"),
        alike=visit.given("alike"),
        is_recent=bool(visit.given("since_ms")),
    )


ACTIONS = {
    "pause": Action(label="Pause", question=None, act=_pause),
    "resume": Action(label="Resume", question=None, act=_resume),
    "pause-all": Action(
        label="Pause everything",
        question=lambda _: PAUSE_ALL,
        act=_pause_all,
    ),
    "resume-all": Action(label="Resume everything", question=None, act=_resume_all),
    "cancel": Action(
        label="Cancel message",
        question=lambda visit: f"Cancel message {visit.given('id')}? Its user gets no answer to it.",
        act=_cancel,
    ),
    "cancel-mailbox": Action(label="Cancel all", question=_ask_cancel_mailbox, act=_cancel_mailbox),
    "limit": Action(label="Set limits", question=None, act=_limit),
    "unlimit": Action(label="Take its own limits away", question=None, act=_unlimit),
    "requeue": Action(label="Requeue", question=None, act=_requeue),
    "requeue-all": Action(
        label="Requeue all", question=lambda visit: ask_requeue_all(_asked_for(visit)), act=_requeue_all
    ),
    "discard": Action(
        label="Delete",
        question=lambda visit: (
            f"Delete {plural(len(visit.given_all('id')), 'dead letter')} for good? They cannot be requeued then."
        ),
        act=_discard,
    ),
    "discard-all": Action(
        label="Delete all", question=lambda visit: ask_discard_all(_asked_for(visit)), act=_discard_all
    ),
}

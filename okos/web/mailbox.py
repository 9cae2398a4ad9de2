"""The users by backlog, and one user's mailbox: what is in it, and why it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from okos.web.words import duration, place

if TYPE_CHECKING:
    from okos.mailbox import MailboxSeen, UserSeen
    from okos.web.guard import Visit

PAGE = 50
_LONGEST_KEY = 512
_DEAD_SHOWN = 5
_ALL_PAUSED = "Waits, as everything is paused: nothing starts until it is resumed."


def show_users(visit: Visit) -> Response:
    """Show who has the most waiting."""
    contains = visit.asked("q")[:_LONGEST_KEY]
    backlog = visit.site.watch.backlog(limit=PAGE, contains=contains)
    limits = visit.site.broker.limits()
    return visit.site.page(
        visit,
        "users.html",
        title="Users",
        backlog=backlog,
        contains=contains,
        limits=limits,
        whys={user.mailbox: why_listed(user, all_paused=limits.all_paused) for user in backlog.users},
    )


def show(visit: Visit) -> Response:
    """Show one mailbox."""
    broker = visit.site.broker
    key = visit.asked("key")[:_LONGEST_KEY]
    if not key:
        return RedirectResponse("/users", 303)
    offset = visit.asked_number("offset")
    seen, limits = broker.mailbox(key, offset=offset, limit=PAGE), broker.limits()
    return visit.site.page(
        visit,
        "mailbox.html",
        title=key,
        why=why(seen, all_paused=limits.all_paused),
        key=key,
        seen=seen,
        offset=offset,
        most=PAGE,
        own=limits.overrides.get(key),
        everybody=limits.everybody,
        all_paused=limits.all_paused,
        running={one.id: one for one in broker.running(limit=1_000) if one.mailbox == key},
        delayed=[one for one in broker.delayed(limit=1_000) if one.mailbox == key],
        dead=broker.failed(mailbox=key, limit=_DEAD_SHOWN),
    )


def why(seen: MailboxSeen, *, all_paused: bool) -> str:
    """Say in a sentence or two what this mailbox waits for."""
    if all_paused and seen.place == "ready":
        return _ALL_PAUSED
    if seen.place != "timed" or seen.due_in_ms is None:
        return place(seen.place)
    first = seen.messages[0] if seen.messages else None
    if first is None or first.state != "backoff":
        return _timed("waiting", 0 if first is None else first.due_in_ms, seen.due_in_ms)
    what = "failed" if first.error else "was put off"
    due = duration(seen.due_in_ms)
    return f"Its first message {what} and runs again in {due}. Those behind it keep their order and wait for it."


def _timed(first_state: str, first_due_in_ms: int, due_in_ms: int) -> str:
    due = duration(due_in_ms)
    if not first_due_in_ms:
        return f"Its rate limit lets the next one start in {due}."
    return f"Its first message {'runs again' if first_state == 'backoff' else 'is held back and starts'} in {due}."


def why_listed(user: UserSeen, *, all_paused: bool) -> str:
    """Say in one sentence what a mailbox waits for, as a list has room for it."""
    if all_paused and user.place == "ready":
        return _ALL_PAUSED
    if user.mailbox.startswith("outbox.telegram"):
        return "Replies on their way: the gateway delivers them."
    if user.mailbox.startswith("outbox."):
        return "Replies to a client that has left: they expire an hour after they were written."
    if user.place == "timed" and user.due_in_ms is not None:
        return _timed(user.first_state, user.first_due_in_ms, user.due_in_ms)
    return place(user.place)

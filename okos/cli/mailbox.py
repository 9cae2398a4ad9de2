"""`okos mailbox` and `okos message`: one user, one message."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okos.cli.speaking import NO, moment, office, print_json, print_table, require_names, shown, span

if TYPE_CHECKING:
    from okos.mailbox import MailboxSeen, MessageDetail
    from okos.operate.story import Story

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
TEXTS = Annotated[bool, typer.Option("--texts", help="Show what users wrote, too.")]

#: What the place of a mailbox means.
_PLACES = {
    "idle": "nothing waits",
    "ready": "waits for a free slot",
    "timed": "may not start yet: a rate limit, a backoff or a hold",
    "full": "its message runs; the next one waits for its end",
    "paused": "paused by an operator: okos resume lets it go on",
}
_ALL_PAUSED = "everything is paused, okos resume lets it go on"


def mailbox(
    key: Annotated[str, typer.Argument(help="Whose: local:7, telegram:42, …", show_default=False)],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Show at most so many messages.")] = 50,
    texts: TEXTS = False,
    as_json: JSON = False,
) -> None:
    """Show a user's mailbox: what runs, what waits, and why.

    Exit 3 if it is empty.
    """
    require_names("the user", key)
    with office() as here:
        seen = here.broker.mailbox(key, limit=limit)
        all_paused = here.broker.limits(most=0).all_paused
        contents = {}
        if texts:
            contents = {one.id: _content(here.broker.message(one.id)) for one in seen.messages}
    if as_json:
        print_json(asdict(seen) | {"all_paused": all_paused} | ({"contents": contents} if texts else {}))
    else:
        _print_mailbox(seen, contents, all_paused=all_paused)
    if not seen.length:
        raise typer.Exit(NO)


def message(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Which message.", show_default=False)],
    *,
    texts: TEXTS = False,
    as_json: JSON = False,
) -> None:
    """Show one message and what has become of it, attempt by attempt, and of its answer.

    Exit 3 if it is not known.
    """
    from okos.operate.story import read_story  # noqa: PLC0415 - see okos.cli

    require_names("the message's id", message_id)
    with office() as here:
        story = read_story(here.broker, message_id)
    if story is None:
        if as_json:
            print_json(None)
        typer.echo(f"nothing is known of a message {shown(message_id)}", err=True)
        raise typer.Exit(NO)
    detail = story.detail
    if as_json:
        fields = {name: getattr(detail, name) for name in detail.__slots__ if name not in {"message", "events"}}
        content = {"message": _content(detail, texts=texts)} if detail.message else {}
        print_json(fields | {"events": [asdict(step) for step in story.steps]} | content)
    else:
        _print_message(story, texts=texts)


def _content(detail: MessageDetail | None, *, texts: bool = True) -> dict[str, Any] | None:  # Any: JSON
    from okos.operate.text import describe_message  # noqa: PLC0415 - see okos.cli

    if detail is None or detail.message is None:
        return None
    return describe_message(detail.message, texts=texts)


def _print_mailbox(seen: MailboxSeen, contents: dict[str, Any], *, all_paused: bool) -> None:  # Any: JSON
    due = "" if seen.due_in_ms is None else f", for another {span(seen.due_in_ms)}"
    why = f"waits: {_ALL_PAUSED}" if all_paused and seen.place == "ready" else _PLACES[seen.place] + due
    typer.echo(f"{shown(seen.key)}: {seen.place} ({why})")
    if all_paused and seen.place != "ready":
        typer.echo(f"and {_ALL_PAUSED}")
    rate = f"{seen.jobs_per_second:g}/s, burst {seen.burst}" if seen.jobs_per_second else "no rate limit"
    typer.echo(f"limits: {seen.max_jobs_per_user} at once, {rate}")
    if not seen.length:
        return
    shown_of = "" if seen.length == len(seen.messages) else f", the first {len(seen.messages)} of"
    typer.echo(f"messages{shown_of}: {seen.length}")
    rows = [
        [one.id, one.state, one.actor or "?", span(one.age_ms), span(one.due_in_ms or None), one.attempts, one.error]
        for one in seen.messages
    ]
    print_table(["id", "state", "actor", "age", "due in", "attempts", "last error"], rows)
    for message_id, content in contents.items():
        typer.echo(f"{message_id}: {shown(content and content['args'])}")


def _print_message(story: Story, *, texts: bool) -> None:
    detail = story.detail
    typer.echo(f"{shown(detail.id)}: {detail.state}")
    known = {
        "mailbox": detail.mailbox,
        "queue": detail.queue,
        "actor": detail.actor,
        "position": None if detail.position is None else f"{detail.position + 1} in its mailbox",
        "attempts": f"{detail.attempts} ({detail.retries} retries, {detail.stalls} stalls)"
        if detail.attempts
        else None,
        "requeued": "once" if detail.requeued == 1 else f"{detail.requeued} times" if detail.requeued else None,
        "due": moment(detail.due_at_ms) if detail.due_at_ms else None,
        "expires": moment(detail.expires_at_ms) if detail.expires_at_ms else None,
        "worker": detail.worker,
        "lease": f"{span(max(0, detail.lease_left_ms))} left" if detail.lease_left_ms is not None else None,
        "cancelling": detail.cancelling,
    }
    for name, value in known.items():
        if value:
            typer.echo(f"{name:10} {shown(value)}")
    for step in story.steps:
        when = moment(step.at_ms) if step.at_ms else f"{'':19}"
        typer.echo(f"{when}  {step.what}{': ' if step.error else ''}{shown(step.error)}")
    if detail.trace:
        from okos.local.visible import visible  # noqa: PLC0415 - see okos.cli

        typer.echo(visible(detail.trace))
    if texts and detail.message is not None:
        content = _content(detail)
        print_json(content and {"args": content["args"], "kwargs": content["kwargs"]})

"""`okos mailbox` and `okos message`: one user, one message."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okos.cli.speaking import NO, moment, office, print_json, print_table, shown, span

if TYPE_CHECKING:
    from okos.mailbox import MailboxSeen, MessageDetail

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


def mailbox(
    key: Annotated[str, typer.Argument(help="Whose: local:7, telegram:42, …", show_default=False)],
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Show at most so many messages.")] = 50,
    texts: TEXTS = False,
    as_json: JSON = False,
) -> None:
    """Show a user's mailbox: what runs, what waits, and why. Exit 3 if it is empty."""
    with office() as here:
        seen = here.broker.mailbox(key, limit=limit)
        contents = {}
        if texts:
            contents = {one.id: _content(here.broker.message(one.id)) for one in seen.messages}
    if as_json:
        print_json(asdict(seen) | ({"contents": contents} if texts else {}))
    else:
        _print_mailbox(seen, contents)
    if not seen.length:
        raise typer.Exit(NO)


def message(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Which message.", show_default=False)],
    *,
    texts: TEXTS = False,
    as_json: JSON = False,
) -> None:
    """Show one message and what has become of it, attempt by attempt. Exit 3 if nothing is known of it."""
    with office() as here:
        detail = here.broker.message(message_id)
    if detail is None:
        typer.echo(f"nothing is known of a message {shown(message_id)}", err=True)
        raise typer.Exit(NO)
    if as_json:
        fields = {name: getattr(detail, name) for name in detail.__slots__ if name not in {"message", "events"}}
        content = {"message": _content(detail, texts=texts)} if detail.message else {}
        print_json(fields | {"events": [asdict(event) for event in detail.events]} | content)
    else:
        _print_message(detail, texts=texts)


def _content(detail: MessageDetail | None, *, texts: bool = True) -> dict[str, Any] | None:  # Any: JSON
    from okos.operate.text import describe_message  # noqa: PLC0415 - see okos.cli

    if detail is None or detail.message is None:
        return None
    return describe_message(detail.message, texts=texts)


def _print_mailbox(seen: MailboxSeen, contents: dict[str, dict[str, Any] | None]) -> None:  # Any: JSON
    due = "" if seen.due_in_ms is None else f", for another {span(seen.due_in_ms)}"
    typer.echo(f"{shown(seen.key)}: {seen.place} ({_PLACES[seen.place]}{due})")
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


def _print_message(detail: MessageDetail, *, texts: bool) -> None:
    typer.echo(f"{shown(detail.id)}: {detail.state}")
    known = {
        "mailbox": detail.mailbox,
        "queue": detail.queue,
        "actor": detail.actor,
        "position": None if detail.position is None else f"{detail.position + 1} in its mailbox",
        "attempts": f"{detail.attempts} ({detail.retries} retries, {detail.stalls} stalls)"
        if detail.attempts
        else None,
        "requeued": f"{detail.requeued} times" if detail.requeued else None,
        "due": moment(detail.due_at_ms) if detail.due_at_ms else None,
        "expires": moment(detail.expires_at_ms) if detail.expires_at_ms else None,
        "worker": detail.worker,
        "lease": f"{span(max(0, detail.lease_left_ms))} left" if detail.lease_left_ms is not None else None,
        "cancelling": detail.cancelling,
    }
    for name, value in known.items():
        if value:
            typer.echo(f"{name:10} {shown(value)}")
    for event in detail.events:
        typer.echo(f"{moment(event.at_ms)}  {event.what}{': ' if event.error else ''}{shown(event.error)}")
    if detail.trace:
        from okos.local.visible import visible  # noqa: PLC0415 - see okos.cli

        typer.echo(visible(detail.trace))
    if texts and detail.message is not None:
        content = _content(detail)
        print_json(content and {"args": content["args"], "kwargs": content["kwargs"]})

"""`okos failed`, `okos requeue` and `okos discard`: dead letters."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okos.cli.acting import YES  # noqa: TC001 - typer reads it
from okos.cli.mailbox import JSON, TEXTS  # noqa: TC001 - typer reads it
from okos.cli.speaking import NO, ask_first, moment, office, print_json, print_table, read_since, require_names, span

if TYPE_CHECKING:
    from okos.cli.speaking import Office
    from okos.mailbox import DeadGroup, DeadLetter, Which

MAILBOX = Annotated[str | None, typer.Option(help="Only of this user: local:7.", show_default=False)]
SINCE = Annotated[str | None, typer.Option(help="Only since: 30m, 2h, 7d, or a time.", show_default=False)]
ERROR = Annotated[str | None, typer.Option(help="Only with this in the error.", show_default=False)]
ACTOR = Annotated[str | None, typer.Option(help="Only of this kind: text, photo, …", show_default=False)]

IDS = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Which dead letters.", show_default=False)]
ALL = Annotated[bool, typer.Option("--all", help="All of them, or all that fit.")]


def failed(
    *,
    mailbox: MAILBOX = None,
    since: SINCE = None,
    error: ERROR = None,
    actor: ACTOR = None,
    by_error: Annotated[bool, typer.Option("--group", help="By error: how many, of how many users.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    texts: TEXTS = False,
    as_json: JSON = False,
) -> None:
    """Show the messages that were given up, the newest first.

    Exit 3 if there are none.
    """
    _require_filters(mailbox=mailbox, error=error, actor=actor)
    since_ms = read_since(since)
    letters, groups = list["DeadLetter"](), list["DeadGroup"]()
    with office() as here:
        if by_error:
            groups = here.broker.failed_groups(mailbox=mailbox, since_ms=since_ms, error=error, actor=actor)[:limit]
        else:
            letters = here.broker.failed(mailbox=mailbox, since_ms=since_ms, error=error, actor=actor, limit=limit)
    if as_json:
        print_json([asdict(one) for one in groups] if by_error else [_as_dict(one, texts=texts) for one in letters])
    elif groups:
        rows = [[one.count, one.mailboxes, one.actor, moment(one.last_ms), one.example, one.error] for one in groups]
        print_table(["count", "users", "actor", "last", "for example", "error"], rows)
    elif letters:
        _print_letters(letters, texts=texts)
    if not letters and not groups:
        if not as_json:
            typer.echo("no dead letters", err=True)
        raise typer.Exit(NO)


def requeue(
    message_ids: IDS = None,
    *,
    mailbox: MAILBOX = None,
    since: SINCE = None,
    error: ERROR = None,
    actor: ACTOR = None,
    everything: ALL = False,
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Give dead letters, messages that were given up, another try.

    They go to the end of their mailboxes, and their users are answered after all.

    Name them, or say which by --mailbox, --since, --error and --actor, or --all. Exit 3 if there were none.
    """
    wanted = _wanted(message_ids, mailbox=mailbox, since=since, error=error, actor=actor, everything=everything)
    with office() as here:
        if message_ids:
            count = here.desk.requeue(message_ids)
        else:
            _ask_of(here, "Requeue", wanted, is_sure=yes)
            count = here.desk.requeue_all(**wanted)
    _tell(count, "requeued", as_json=as_json)


def discard(
    message_ids: IDS = None,
    *,
    mailbox: MAILBOX = None,
    since: SINCE = None,
    error: ERROR = None,
    actor: ACTOR = None,
    everything: ALL = False,
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Delete dead letters for good: they cannot be requeued then.

    Name them, or say which by --mailbox, --since, --error and --actor, or --all. Exit 3 if there were none.
    """
    wanted = _wanted(message_ids, mailbox=mailbox, since=since, error=error, actor=actor, everything=everything)
    with office() as here:
        if message_ids:
            ask_first(f"Delete {_counted(len(message_ids))} for good?", is_sure=yes)
            count = here.desk.discard(message_ids)
        else:
            _ask_of(here, "Delete for good", wanted, is_sure=yes)
            count = here.desk.discard_all(**wanted)
    _tell(count, "deleted", as_json=as_json)


def _wanted(
    message_ids: list[str] | None,
    *,
    mailbox: str | None,
    since: str | None,
    error: str | None,
    actor: str | None,
    everything: bool,
) -> Which:
    """Say which dead letters are meant, if they are not named; one way of saying so is needed, and only one."""
    is_filtered = any(value is not None for value in (mailbox, since, error, actor))
    if bool(message_ids) == (everything or is_filtered):
        raise typer.BadParameter("name dead letters, or say which by --mailbox, --since, --error, --actor or --all")
    require_names("a dead letter's id", *(message_ids or ()))
    _require_filters(mailbox=mailbox, error=error, actor=actor)
    return {"mailbox": mailbox, "since_ms": read_since(since), "error": error, "actor": actor}


def _require_filters(**given: str | None) -> None:
    """Refuse an empty filter: every error holds it."""
    for name, value in given.items():
        require_names(f"--{name}", value)


def _ask_of(here: Office, what: str, wanted: Which, *, is_sure: bool) -> None:
    fitting = here.broker.failed(**wanted, limit=here.broker.stats().dead)
    if fitting:
        ask_first(f"{what} {_counted(len(fitting))}, of {_users(fitting)}?", is_sure=is_sure)


def _tell(count: int, what: str, *, as_json: bool) -> None:
    print_json({what: count}) if as_json else typer.echo(f"{_counted(count)} {what}")
    if not count:
        raise typer.Exit(NO)


def _print_letters(letters: list[DeadLetter], *, texts: bool) -> None:
    now_ms = time.time_ns() // 1_000_000
    rows = [
        [
            one.id,
            f"{span(max(0, now_ms - one.ended_at_ms))} ago",
            one.mailbox,
            "?" if one.message is None else one.message.actor_name,
            one.attempts,
            one.error,
        ]
        for one in letters
    ]
    print_table(["id", "given up", "user", "actor", "attempts", "error"], rows)
    if texts:
        for one in letters:
            print_json(_as_dict(one, texts=True).get("message"))


def _as_dict(letter: DeadLetter, *, texts: bool) -> dict[str, Any]:  # Any: JSON
    from okos.operate.text import describe_message  # noqa: PLC0415 - see okos.cli

    content = None if letter.message is None else describe_message(letter.message, texts=texts)
    return {name: getattr(letter, name) for name in letter.__slots__ if name != "message"} | {"message": content}


def _counted(count: int) -> str:
    return f"{count} dead letter{'' if count == 1 else 's'}"


def _users(letters: list[DeadLetter]) -> str:
    count = len({one.mailbox for one in letters})
    return f"{count} user{'' if count == 1 else 's'}"

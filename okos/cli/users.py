"""`okos users`, `okos drain`, `okos audit`: all at a glance."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.speaking import NO, moment, office, print_json, print_table, span


class Only(StrEnum):
    """The logs of the audit, as `okos.mailbox.AuditLog` has them, which is too heavy for `--help`."""

    CHANGES = "changes"
    VISITS = "visits"


_LOOK_S = 0.5
_TELL_S = 2.0


def users(
    *,
    contains: Annotated[str, typer.Option(help="Only with this in the name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: JSON = False,
) -> None:
    """Show the users with most messages, and why they wait.

    Exit 3 if nobody has any. Looks at 50,000 keys of the server at most, and says so if there are more.
    """
    with office() as here:
        found = here.broker.backlog(limit=limit, contains=contains)
        all_paused = here.broker.limits(most=0).all_paused
    if as_json:
        print_json(asdict(found) | {"all_paused": all_paused})
    elif found.users:
        rows = [[one.length, one.mailbox, one.place, span(one.due_in_ms), span(one.age_ms)] for one in found.users]
        print_table(["messages", "user", "place", "due in", "oldest"], rows)
        if found.mailboxes > len(found.users):
            typer.echo(f"and {found.mailboxes - len(found.users)} more")
    if all_paused and not as_json:
        typer.echo("everything is paused, so nothing starts: okos resume lets it go on", err=True)
    if found.cut_off:
        typer.echo("there are more keys than were looked at: somebody may be missing", err=True)
    if not found.users:
        raise typer.Exit(NO)


def drain(
    *,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most; 0: just look.")] = 600,
    as_json: JSON = False,
) -> None:
    """Wait until nothing waits and nothing runs.

    For before an upgrade, or a move. Exit 3 if it takes too long. It stops nobody from sending, and does not wait for
    what is delayed; progress goes to stderr.
    """
    begun = told = time.monotonic()
    with office() as here:
        while True:
            gauges = here.broker.gauges()
            stats, now = gauges.stats, time.monotonic()
            left = max(0, stats.waiting - stats.delayed) + stats.running
            if not left or now - begun >= timeout:
                break
            if now - told >= _TELL_S:
                told = now
                note = "; everything is paused" if gauges.paused else "" if gauges.workers else "; no worker is alive"
                typer.echo(f"{left} left, {stats.running} of them run{note}", err=True)
            time.sleep(min(_LOOK_S, max(0.01, timeout - (now - begun))))
    took_ms = round((time.monotonic() - begun) * 1000)
    if as_json:
        print_json({"empty": not left, "left": left, "delayed": stats.delayed, "took_ms": took_ms})
    else:
        typer.echo(f"{left} left" if left else "empty")
    if left:
        raise typer.Exit(NO)


def audit(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    only: Annotated[
        Only | None,
        typer.Option(help="Changes, or visits of the dashboard.", show_default=False),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show who did what, the newest first: changes, and visits of the dashboard.

    A visit is a log-in, a log-out, somebody who guesses tokens, a chat. The last thousand of each are kept.
    """
    from okos.mailbox import AuditLog  # noqa: PLC0415 - see okos.cli

    with office() as here:
        entries = here.broker.audit(limit=limit, only=None if only is None else AuditLog(only))
    if as_json:
        print_json([asdict(one) for one in entries])
    else:
        rows = [[moment(one.at_ms), one.who, one.action, one.target, one.outcome] for one in entries]
        print_table(["when", "who", "what", "of", "outcome"], rows)

"""`okos cancel`, `okos pause`, `okos resume`: stopping what waits and runs."""

from __future__ import annotations

from typing import Annotated

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.speaking import NO, ask_first, office, print_json, require_names, shown

YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
KEY = Annotated[str | None, typer.Argument(help="Whose: local:7; nobody named: everybody's.", show_default=False)]

_OUTCOMES = {
    "cancelled": "cancelled",
    "flagged": "is being stopped",
    "ended": "had ended, or was never there",
}


def cancel(
    message_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Which messages.", show_default=False)
    ] = None,
    *,
    mailbox: Annotated[
        str | None, typer.Option(help="All of this user's that waits or runs.", show_default=False)
    ] = None,
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Cancel messages, or all of a user's but what is delayed.

    They are not answered. Exit 3 if none was left.

    What waits is gone at once; what runs is stopped and ends without an answer.
    """
    if bool(message_ids) == (mailbox is not None):
        raise typer.BadParameter("name messages, or a user by --mailbox")
    require_names("a message's id", *(message_ids or ()))
    require_names("--mailbox", mailbox)
    with office() as here:
        if mailbox is not None:
            length = here.broker.mailbox(mailbox, limit=1).length
            if length:
                ask_first(f"Cancel all {length} messages of {shown(mailbox)}?", is_sure=yes)
            cancelled, stopped = here.desk.cancel_mailbox(mailbox) if length else (0, 0)
            outcomes = {"cancelled": cancelled, "flagged": stopped}
            said = [f"{cancelled} cancelled, {stopped} being stopped"]
        else:
            wanted = message_ids or []
            ask_first(f"Cancel {shown(', '.join(wanted))}?", is_sure=yes)
            each = {message_id: here.desk.cancel(message_id) for message_id in wanted}
            outcomes = {name: list(each.values()).count(name) for name in ("cancelled", "flagged")}
            said = [f"{shown(message_id)} {_OUTCOMES[outcome]}" for message_id, outcome in each.items()]
    print_json(outcomes) if as_json else typer.echo("\n".join(said))
    if not any(outcomes.values()):
        raise typer.Exit(NO)


def pause(key: KEY = None, *, yes: YES = False, as_json: JSON = False) -> None:
    """Start nothing of a user, or nothing at all, until it is resumed.

    What runs goes on, and what comes in waits. Exit 3 if it was paused already.
    """
    require_names("the user", key)
    if key is None:
        ask_first("Pause everything, for everybody?", is_sure=yes)
    with office() as here:
        changed = here.desk.pause(key)
    _tell(key, "is paused" if changed else "was paused already", changed=changed, as_json=as_json)


def resume(key: KEY = None, *, as_json: JSON = False) -> None:
    """Let a user, or everybody, go on.

    A user who is paused alone stays so until named. Exit 3 if it was not paused.
    """
    require_names("the user", key)
    with office() as here:
        changed = here.desk.resume(key)
    _tell(key, "goes on" if changed else "was not paused", changed=changed, as_json=as_json)


def _tell(key: str | None, what: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"mailbox": key, "changed": changed})
    else:
        typer.echo(f"{'everything' if key is None else shown(key)} {what}")
    if not changed:
        raise typer.Exit(NO)

"""`okos privacy`: what is kept of a user, and erasing it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from okos.cli.acting import YES  # noqa: TC001 - typer reads it
from okos.cli.mailbox import JSON, TEXTS  # noqa: TC001 - typer reads it
from okos.cli.speaking import NO, ask_first, office, print_json, require_names, shown


def privacy(
    key: Annotated[str, typer.Argument(help="Whose: local:7, telegram:42, …", show_default=False)],
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Erase it.")] = False,
    texts: TEXTS = False,
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Show what is kept of a user, or erase it.

    Done is what was answered or said, for as long as it is kept. With --texts --json it is all there is, to be handed
    to somebody who asks for it. Erasing also stops what runs and cancels what waits. Exit 3 if nothing is kept.
    """
    from okos.operate.privacy import kept_of, said_in  # noqa: PLC0415 - see okos.cli

    require_names("the user", key)
    said: dict[str, list[dict[str, Any]]] = {}  # Any: JSON
    with office() as here:
        kept = kept_of(here.broker, key)
        if texts:
            waiting = [one.id for one in here.broker.mailbox(key, limit=kept.waiting).messages] if kept.waiting else []
            said = {
                "remembered": [{"id": turn.id, "user": turn.user, "assistant": turn.assistant} for turn in kept.turns],
                "given_up": said_in(here.broker, (letter.id for letter in kept.dead)),
                "finished": said_in(here.broker, kept.done),
                "still_waiting": said_in(here.broker, waiting),
            }
        if erase:
            ask_first(f"Erase all that is kept of {shown(key)}?", is_sure=yes)
            kept = here.desk.erase(key)
    if as_json:
        counts = {"waiting": kept.waiting, "dead": len(kept.dead), "done": len(kept.done), "turns": len(kept.turns)}
        print_json({"mailbox": key} | counts | {"erased": erase and kept.is_any} | said)
    else:
        typer.echo(f"{shown(key)}: {'erased: ' if erase and kept.is_any else ''}{kept}")
        for turn in said.pop("remembered", ()):
            typer.echo(f"  {shown(turn['user'])}\n    {shown(turn['assistant'])}")
        for what, messages in said.items():
            for one in messages:
                typer.echo(f"  {what.replace('_', ' ')}: {shown(one['args'])}")
    if not kept.is_any:
        raise typer.Exit(NO)

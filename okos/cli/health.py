"""`okos health`."""

from enum import Enum
from typing import Annotated

import typer

from okos.cli.mailbox import JSON
from okos.cli.speaking import print_json

_UNWELL = 3


class Part(Enum):
    """What can be asked for, as `okos.operate.parts` names it."""

    STORE = "store"
    WORKER = "worker"
    GATEWAY = "gateway"
    WEB = "web"


def health(
    part: Annotated[Part, typer.Argument(help="What to ask for.")] = Part.STORE,
    *,
    as_json: JSON = False,
) -> None:
    """Say whether one part does its work on this machine, for health checks.

    Exit 0 if it does, else 3 with the reason. `worker` is one that this machine runs, `gateway` one of the bot's that
    is connected to Telegram, on whatever machine, `web` answers here, `store` answers anybody. `okos status` is for
    people, `okos doctor` finds what is wrong.
    """
    from okos.operate.parts import what_ails  # noqa: PLC0415 - see okos.cli
    from okos.settings import load_settings  # noqa: PLC0415

    reason = what_ails(part.value, load_settings())
    if as_json:
        print_json({"part": part.value, "ok": not reason, "reason": reason or ""})
    else:
        typer.echo(reason or f"{part.value}: ok")
    if reason:
        raise typer.Exit(_UNWELL)

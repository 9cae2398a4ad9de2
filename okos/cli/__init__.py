"""The command `okos`: one module for each subcommand, and what they share.

A module here parses arguments, calls one function of the layer below and prints; it imports what is heavy only
when its command runs, so that `okos --help` is there at once. An `OkosError` is one line on stderr and exit 1.
"""

import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from okos.cli import (
    acl,
    acting,
    ask,
    chat,
    config,
    demo,
    doctor,
    gateway,
    health,
    init,
    letters,
    limits,
    mailbox,
    privacy,
    scheduler,
    status,
    top,
    up,
    users,
    web,
)
from okos.cli.manual import WHERE_TO_BEGIN, epilog_of, panel_of
from okos.errors import OkosError

# In the order of the help. A group of commands is an app of its own.
COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "up": up.up,
    "ask": ask.ask,
    "chat": chat.chat,
    "demo": demo.demo,
    "status": status.status,
    "doctor": doctor.doctor,
    "health": health.health,
    "top": top.top,
    "users": users.users,
    "mailbox": mailbox.mailbox,
    "message": mailbox.message,
    "failed": letters.failed,
    "requeue": letters.requeue,
    "discard": letters.discard,
    "cancel": acting.cancel,
    "pause": acting.pause,
    "resume": acting.resume,
    "limits": limits.limits,
    "privacy": privacy.privacy,
    "drain": users.drain,
    "audit": users.audit,
    "config": config.config,
    "init": init.init,
    "acl": acl.acl,
    "gateway": gateway.gateway,
    "scheduler": scheduler.scheduler,
    "web": web.web,
}

app = typer.Typer(
    name="okos",
    no_args_is_help=True,
    epilog=WHERE_TO_BEGIN,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name, rich_help_panel=panel_of(_name), epilog=epilog_of(_name))
    else:
        app.command(_name, rich_help_panel=panel_of(_name), epilog=epilog_of(_name))(_command)


def main() -> None:
    """Run the command that the arguments name; never returns."""
    # What a library has to tell is for the log of a process that has one (`okos up` and its children set theirs up);
    # the stderr of a command is for its one line.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        app(prog_name="okos")
    except OkosError as error:
        sys.stderr.write(f"okos: {error}\n")
        sys.exit(1)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only then

        typer.echo(f"okos {version('okos')}")
        raise typer.Exit


@app.callback()
def okos(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """An AI assistant that never loses a message, never answers out of order and never answers twice.

    Settings come from OKOS_… variables and from config/okos.toml, which describes them all.
    """

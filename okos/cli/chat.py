"""`okos chat`."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def chat(
    *,
    user: Annotated[str, typer.Option(help="Who talks: a number or a name. Each has a memory.")] = "1",
    save: Annotated[
        Path | None, typer.Option(help="A directory to keep the answers' files in.", show_default=False)
    ] = None,
) -> None:
    """Talk with Okos in this terminal.

    Reads lines from a pipe, too: each is a message, and the answers come in their order.

    Uses the Okos that runs here (OKOS_HOME) or at OKOS_REDIS_URL; if there is none, starts a private one. Leave with
    /quit or Ctrl-D. A message has at most 65,536 bytes.
    """
    from okos.cli.ending import ends_cleanly, print_text  # noqa: PLC0415 - see okos.cli
    from okos.local.question import check_user  # noqa: PLC0415
    from okos.local.reach import reached  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    with ends_cleanly():
        check_user(user)
        with reached(load_settings(), on_private=_say_private) as found:
            if sys.stdin.isatty() and sys.stdout.isatty():
                from rich.console import Console  # noqa: PLC0415

                from okos.local.keyboard import Keyboard  # noqa: PLC0415
                from okos.local.talk import Talk  # noqa: PLC0415

                console = Console(highlight=False)
                Talk(found, user=user, console=console, keyboard=Keyboard(), directory=save).run()
            else:
                from okos.local.relay import Relay  # noqa: PLC0415

                Relay(
                    found,
                    user=user,
                    write=print_text,
                    complain=lambda reason: print_text(f"okos: {reason}", sys.stderr),
                    directory=save,
                ).run(sys.stdin.buffer)


def _say_private() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("No Okos runs here: starting a private one for this chat. `okos up` runs one that stays.\n")

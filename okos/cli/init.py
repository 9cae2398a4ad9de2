"""`okos init`."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write; it is created if it is not there.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there already.")] = False,
) -> None:
    """Write out handlers and settings, to change as you like.

    Writes actors/, the handlers, a few lines each, and config/okos.toml, which has every setting with its default.
    `okos up` in that directory uses both. Exit 1 if a file is there already and not --force is given.
    """
    from okos.template import write_template  # noqa: PLC0415 - see okos.cli

    for path in write_template(directory, force=force):
        typer.echo(path)

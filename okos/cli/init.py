"""`okos init`."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write; it is created if it is not there.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there already.")] = False,
) -> None:
    """Write out the handlers, actors/, and the configuration, config/okos.toml, to change as you like."""
    from okos.template import write_template  # noqa: PLC0415 - see okos.cli

    for path in write_template(directory, force=force):
        typer.echo(path)

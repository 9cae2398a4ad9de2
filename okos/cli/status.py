"""`okos status`."""

from typing import Annotated

import typer

_NOT_WORKING = 3


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what runs and how much waits.

    Exit 0 if a worker is alive, else 3.
    """
    import json  # noqa: PLC0415 - see okos.cli

    from okos.settings import load_settings  # noqa: PLC0415
    from okos.status import describe, read_status  # noqa: PLC0415

    reading = read_status(load_settings())
    typer.echo(json.dumps(reading.as_dict()) if as_json else describe(reading))
    if not reading.works:
        raise typer.Exit(_NOT_WORKING)

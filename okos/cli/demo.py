"""`okos demo`."""

import json
import sys
from typing import Annotated

import typer


def demo(
    *,
    users: Annotated[int, typer.Option(min=1, max=500, help="How many users, all at once.")] = 8,
    messages: Annotated[int, typer.Option(min=1, max=1000, help="How many messages each sends.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """See Okos at work: many users at once, and a worker killed on the way.

    It needs nothing, leaves nothing behind and takes half a minute. Exit 0 only if every message was answered exactly
    once, and in its user's order.
    """
    from rich.console import Console  # noqa: PLC0415 - see okos.cli

    from okos.cli.ending import ends_cleanly  # noqa: PLC0415
    from okos.demo import run_demo  # noqa: PLC0415
    from okos.demo.screen import Lines, Picture, Quiet  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    with ends_cleanly():
        if as_json:
            report = run_demo(users=users, messages=messages, screen=Quiet())
            sys.stdout.write(json.dumps(report.as_dict()) + "\n")
        elif console.is_terminal:
            with Picture(console) as picture:
                report = run_demo(users=users, messages=messages, screen=picture)
            report.print(console)
        else:
            report = run_demo(users=users, messages=messages, screen=Lines(typer.echo))
            report.print(console)
    if not report.ok:
        raise typer.Exit(1)

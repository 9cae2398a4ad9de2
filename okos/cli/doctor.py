"""`okos doctor`."""

from typing import Annotated

import typer


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for what is wrong, and say what to do.

    It changes nothing. Exit 1 if something is broken; 0 if all is well or there are mere warnings.
    """
    import json  # noqa: PLC0415 - see okos.cli

    from okos.doctor import Grade, examine  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    broken = False
    findings = []
    for finding in examine(load_settings()):
        broken |= finding.grade is Grade.FAULT
        findings.append(finding.as_dict())
        if not as_json:
            typer.echo(f"{finding.grade.value:8} {finding.name:12} {finding.text}")
    if as_json:
        typer.echo(json.dumps({"ok": not broken, "findings": findings}))
    if broken:
        raise typer.Exit(1)

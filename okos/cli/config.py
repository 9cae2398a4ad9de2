"""`okos config`: the settings in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.speaking import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from okos.settings import Settings

config = typer.Typer(no_args_is_help=True, help="Show the settings in force, or check them.")


@config.command("show")
def show(*, as_json: JSON = False) -> None:
    """Show every setting, where it is not the default, and no secret."""
    from okos.settings import find_config, load_settings  # noqa: PLC0415 - see okos.cli

    settings = load_settings()
    found = find_config()
    if as_json:
        print_json({"file": found and str(found), "settings": masked(settings)})
        return
    typer.echo(f"file: {found or 'none'}")
    default = dict(flat(masked(type(settings)())))
    rows = [
        [name, json.dumps(value, ensure_ascii=False), "" if value == default.get(name) else "(set)"]
        for name, value in flat(masked(settings))
    ]
    print_table(["setting", "value", ""], rows)


@config.command("check")
def check(*, as_json: JSON = False) -> None:
    """Check the settings of this machine. Exit 1 if one is wrong; names that no setting has are told of."""
    from okos.settings import load_settings, unknown_variables  # noqa: PLC0415 - see okos.cli

    load_settings()
    unknown = unknown_variables()
    if as_json:
        print_json({"ok": True, "unknown_variables": unknown})
        return
    for name in unknown:
        typer.echo(f"set, but no setting of Okos: {name}", err=True)
    typer.echo("the settings are right")


def masked(settings: Settings) -> dict[str, Any]:  # Any: JSON
    """Give all settings as JSON can hold them, secrets masked, addresses without their passwords."""
    from okos.server import shown as shown_address  # noqa: PLC0415 - see okos.cli

    found = settings.model_dump(mode="json")
    for section, name in ((found, "redis_url"), (found["model"], "base_url")):
        if section.get(name):
            section[name] = shown_address(section[name])
    return found


def flat(section: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:  # Any: JSON
    """Give settings by their dotted names."""
    for name, value in section.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value

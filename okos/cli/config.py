"""`okos config`: the settings in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.manual import epilog_of
from okos.cli.speaking import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from okos.settings import Settings

config = typer.Typer(no_args_is_help=True, help="Show the settings in force, check them, or take them elsewhere.")


@config.command("show", epilog=epilog_of("config show"))
def show(*, as_json: JSON = False) -> None:
    """Show every setting, which are not the default, and no secret."""
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


@config.command("check", epilog=epilog_of("config check"))
def check(*, as_json: JSON = False) -> None:
    """Check the settings of this machine.

    Exit 1 if one is wrong, and say which; OKOS_… variables that are no setting are told of.
    """
    from okos.settings import load_settings, unknown_variables  # noqa: PLC0415 - see okos.cli

    load_settings()
    unknown = unknown_variables()
    if as_json:
        print_json({"ok": True, "unknown_variables": unknown})
        return
    for name in unknown:
        typer.echo(f"set, but no setting of Okos: {name}", err=True)
    typer.echo("the settings are right")


@config.command("export", epilog=epilog_of("config export"))
def export(*, as_json: JSON = False) -> None:
    """Print the settings that differ from the defaults, as a file that OKOS_CONFIG takes elsewhere.

    Secrets are named and left out: they go by the environment.
    """
    from okos.settings import load_settings  # noqa: PLC0415 - see okos.cli

    settings = load_settings()
    found = masked(settings)
    changed = dict(differing(found, masked(type(settings)())))
    secret = {name for name, value in flat(found) if name in changed and is_secret(name, value, settings)}
    if as_json:
        kept = {name: value for name, value in changed.items() if name not in secret}
        print_json({"settings": kept, "left_out": sorted(secret)})
        return
    typer.echo(as_toml(changed, secret), nl=False)


def differing(found: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:  # Any: JSON
    """Give what is not the default by its dotted name; what is unset has no place in a file."""
    plain = dict(flat(default))
    for name, value in flat(found):
        if value is not None and (name not in plain or plain[name] != value):
            yield name, value


def is_secret(name: str, shown: object, settings: Settings) -> bool:
    """Tell whether a setting's value, as it is shown, is not its value."""
    from pydantic import SecretStr  # noqa: PLC0415 - see okos.cli

    value: Any = settings
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return isinstance(value, SecretStr) or (isinstance(value, str) and value != shown)


def as_toml(settings: Mapping[str, Any], left_out: Collection[str] = ()) -> str:  # Any: JSON
    """Write settings, by their dotted names, as TOML; those that are left out as a comment."""
    sections: dict[str, list[str]] = {"": []}
    for name, value in settings.items():
        section, _, last = name.rpartition(".")
        variable = f"OKOS_{name.upper().replace('.', '__')}"
        # a string, a number, a truth and a list of them are written in JSON as in TOML
        line = (
            f"# {last}: set by {variable}" if name in left_out else f"{last} = {json.dumps(value, ensure_ascii=False)}"
        )
        sections.setdefault(section, []).append(line)
    parts = [[f"[{section}]", *lines] if section else lines for section, lines in sections.items() if lines]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def masked(settings: Settings) -> dict[str, Any]:  # Any: JSON
    """Give all settings as JSON can hold them, secrets masked, addresses without their passwords."""
    from okos.server import shown as shown_address  # noqa: PLC0415 - see okos.cli

    found = settings.model_dump(mode="json")
    for section, name in ((found, "redis_url"), (found["model"], "base_url"), (found["tracing"], "endpoint")):
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

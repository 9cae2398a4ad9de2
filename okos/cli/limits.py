"""`okos limits`: limits that single users have of their own, and what is paused."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okos.cli.acting import YES  # noqa: TC001 - typer reads it
from okos.cli.mailbox import JSON  # noqa: TC001 - typer reads it
from okos.cli.manual import epilog_of
from okos.cli.speaking import ask_first, office, print_json, print_table, require_names, shown
from okos.errors import OkosError

if TYPE_CHECKING:
    from collections.abc import Mapping

limits = typer.Typer(no_args_is_help=True, help="Show, set, export and import limits that users have of their own.")

_NAMES = ("max_jobs_per_user", "jobs_per_second", "burst")
_MOST = 100_000


class BadLimits(OkosError):
    """What is to be imported is no export of limits; the message says what is wrong."""


@limits.command("show", epilog=epilog_of("limits show"))
def show(*, as_json: JSON = False) -> None:
    """Show everybody's limits, users' own ones, and who is paused."""
    with office() as here:
        seen = here.broker.limits(most=_MOST)
    if as_json:
        print_json(asdict(seen))
        return
    own = [(key, asdict(one)) for key, one in seen.overrides.items()]
    everybody = asdict(seen.everybody)
    rows = [["everybody", *(_said(name, everybody[name]) for name in _NAMES), "yes" if seen.all_paused else ""]]
    rows += [[key, *(_said(name, one[name]) for name in _NAMES), _paused(key, seen.paused)] for key, one in own]
    rows += [[key, "", "", "", "yes"] for key in seen.paused if key not in seen.overrides]
    print_table(["user", "at once", "per second", "burst", "paused"], rows)


@limits.command("set", epilog=epilog_of("limits set"))
def set_limits(
    key: Annotated[str, typer.Argument(help="Whose: local:7. No options: as everybody's again.", show_default=False)],
    *,
    max_jobs_per_user: Annotated[
        int | None, typer.Option(metavar="1 to 1000", help="So many messages at once.", show_default=False)
    ] = None,
    jobs_per_second: Annotated[
        float | None,
        typer.Option(
            metavar="0.000001 to 1000000",
            help="So many starts a second, by cost; 0: no limit.",
            show_default=False,
        ),
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(
            metavar="1 to 1000000", help="So many may start at a time, before the rate holds.", show_default=False
        ),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Give a user limits of their own.

    They hold for what starts from now on; what is not given is as everybody's.
    """
    require_names("the user", key)
    with office() as here:
        here.desk.limit(key, max_jobs_per_user=max_jobs_per_user, jobs_per_second=jobs_per_second, burst=burst)
    values = (max_jobs_per_user, jobs_per_second, burst)
    is_own = any(value is not None for value in values)
    if as_json:
        print_json({"mailbox": key, "limits": dict(zip(_NAMES, values, strict=True)) if is_own else None})
        return
    typer.echo(f"{shown(key)} has {'limits of its own' if is_own else 'limits as everybody'}")


@limits.command("export", epilog=epilog_of("limits export"))
def export(*, as_json: JSON = False) -> None:
    """Print users' own limits, and who is paused, as JSON that `import` takes: with --json and without."""
    del as_json
    with office() as here:
        seen = here.broker.limits(most=_MOST)
    users = {
        key: {name: value for name, value in asdict(one).items() if value is not None}
        for key, one in seen.overrides.items()
    }
    typer.echo(json.dumps({"limits": users, "paused": list(seen.paused)}, indent=2, ensure_ascii=False))


@limits.command("import", epilog=epilog_of("limits import"))
def import_limits(
    file: Annotated[Path, typer.Argument(help="What `export` printed; `-` reads stdin.", show_default=False)],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Take away what is not in it.")] = False,
    yes: YES = False,
    as_json: JSON = False,
) -> None:
    """Set users' limits and pauses as they were exported.

    Nothing is changed if any of it is wrong.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadLimits(f"cannot read {file}: {error}") from error
    users, paused = read_export(text)
    with office() as here:
        seen = here.broker.limits(most=_MOST)
        gone = sorted(set(seen.overrides) - set(users)) if replace else []
        resumed = sorted(set(seen.paused) - paused) if replace else []
        if gone or resumed:
            ask_first(f"Take away the limits of {len(gone)} users, and resume {len(resumed)}?", is_sure=yes)
        for key, own in users.items():
            here.desk.limit(key, **own)
        for key in gone:
            here.desk.limit(key)
        for key in sorted(paused - set(seen.paused)):
            here.desk.pause(key)
        for key in resumed:
            here.desk.resume(key)
    if as_json:
        print_json({"limits": len(users), "paused": len(paused), "taken_away": len(gone), "resumed": len(resumed)})
        return
    typer.echo(f"{len(users)} users have limits of their own, {len(paused)} are paused")


def read_export(text: str) -> tuple[Mapping[str, dict[str, Any]], set[str]]:  # Any: numbers, each checked
    """Read an export: limits by user, and who is paused.

    Raises:
        BadLimits: It is something else.
    """
    try:
        said = json.loads(text)
    except ValueError as error:
        raise BadLimits(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadLimits("no export of limits: it is nested too deeply") from error
    users = said.get("limits", {}) if isinstance(said, dict) else None
    paused = said.get("paused", []) if isinstance(said, dict) else None
    if not isinstance(users, dict) or not isinstance(paused, list):
        raise BadLimits('no export of limits: expected {"limits": {user: {…}}, "paused": [user]}')
    if not all(isinstance(key, str) and key for key in (*users, *paused)):
        raise BadLimits("a user has no name")
    return {key: _read_own(key, own) for key, own in users.items()}, set(paused)


def _read_own(key: str, own: object) -> dict[str, Any]:  # Any: as above
    from okos.mailbox.policy import wrong_limit  # noqa: PLC0415 - see okos.cli

    if not isinstance(own, dict):
        raise BadLimits(f"the limits of {shown(key)} are no object")
    for name, value in own.items():
        if name not in _NAMES:
            raise BadLimits(f"{shown(key)}: there is no limit {shown(name)}; there are {', '.join(_NAMES)}")
        if wrong := wrong_limit(name, value):
            raise BadLimits(f"{shown(key)}: {wrong}, not {shown(value)}")
    return own


def _said(name: str, value: float | None) -> str:
    if value is None:
        return "as everybody"
    return "no limit" if name == "jobs_per_second" and not value else f"{value:.12g}"


def _paused(key: str, paused: tuple[str, ...]) -> str:
    return "yes" if key in paused else ""

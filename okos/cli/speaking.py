"""What the operator's commands share: whom they talk to, how they print, when they ask.

Exit codes of them all: 0, it is done or found; 1, it could not be done, and one line on stderr says why; 2, the command
was written wrongly; 3, the answer is no: nothing was found, nothing was changed, or it took too long.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from okos.errors import OkosError
from okos.operate.text import LATEST_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from okos.mailbox import MailboxBroker
    from okos.operate.desk import Desk
    from okos.settings import Settings

NO = 3

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_CELL = 100


class NothingNamed(OkosError):
    """An empty text is where something should be named: most often a variable of the shell that is not set."""


def require_names(what: str, *values: str | None) -> None:
    """Refuse an empty text, before it is taken for a user without a name, or for all of them.

    Args:
        what: What these are, as the command calls them.
        values: What was given; None was not.

    Raises:
        NothingNamed: One of them is empty.
    """
    if "" in values:
        raise NothingNamed(f"{what} is empty, so it names nothing; nothing was done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Whom a command talks to: the broker to look, the desk to change, the settings of this machine."""

    broker: MailboxBroker
    desk: Desk
    settings: Settings


@contextmanager
def office() -> Iterator[Office]:
    """Reach the Okos that runs here, or at OKOS_REDIS_URL; no worker has to be alive."""
    import getpass  # noqa: PLC0415 - see okos.cli
    import socket  # noqa: PLC0415

    from okos.broker import build_broker  # noqa: PLC0415
    from okos.cli.ending import ends_cleanly  # noqa: PLC0415
    from okos.operate.desk import Desk  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "somebody"
    with ends_cleanly():
        settings = load_settings()
        broker = build_broker(settings)
        try:
            broker.require_schema()
            yield Office(broker=broker, desk=Desk(broker, f"{user}@{socket.gethostname()}"), settings=settings)
        finally:
            broker.close()


def print_json(value: object) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, default=str))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under heads, in columns as wide as they need; the last may be as long as it likes."""
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(heads), *cells]) for column in range(len(heads))]
    for line in [list(heads), *cells]:
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        typer.echo("  ".join([*padded, line[-1]]).rstrip())


def shown(value: object) -> str:
    """Show a value on one line that steers no terminal."""
    from okos.local.visible import visible  # noqa: PLC0415 - see okos.cli

    # what is no text (an argument may be any bytes) has no place in the output's encoding
    text = " ".join(visible(str(value).encode("utf-8", "backslashreplace").decode()).split())
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def span(duration_ms: float | None) -> str:
    """Show a duration as people say it."""
    if duration_ms is None:
        return "-"
    if duration_ms < _UNITS_MS["s"]:
        return f"{duration_ms:.0f} ms"
    for unit, least, name in (("s", 1, "s"), ("m", 2, "min"), ("h", 2, "h"), ("d", 2, "days")):
        if duration_ms >= least * _UNITS_MS[unit]:
            size, text = _UNITS_MS[unit], name
    count = duration_ms / size
    return f"{count:.1f} {text}" if text == "s" and count < 10 else f"{count:.0f} {text}"  # noqa: PLR2004


def moment(instant_ms: int | None) -> str:
    """Show an instant, in the time of this machine."""
    if instant_ms is None or not 0 <= instant_ms <= LATEST_MS:
        return "-"
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def read_since(text: str | None) -> int | None:
    """Read how far back somebody means (90s, 30m, 2h, 7d), or since when (2026-11-24T09:00); as Unix time, ms."""
    if text is None:
        return None
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    if found := re.fullmatch(r"(\d{1,9})([smhd])", text):
        return now_ms - int(found[1]) * _UNITS_MS[found[2]]
    try:
        return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: say 90s, 30m, 2h, 7d or 2026-11-24T09:00") from None


def ask_first(question: str, *, is_sure: bool) -> None:
    """Ask before something that cannot be undone; who cannot be asked has to say --yes."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Say --yes: there is nobody to ask.")
    if not typer.confirm(question, err=True):
        raise typer.Exit(NO)

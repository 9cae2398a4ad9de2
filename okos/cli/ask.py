"""`okos ask`."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def ask(
    text: Annotated[
        list[str] | None,
        typer.Argument(help="What to ask, or the photo's caption; `-` reads it from stdin.", show_default=False),
    ] = None,
    *,
    user: Annotated[str, typer.Option(help="Whose message it is: a number or a name. Each has a memory.")] = "1",
    photo: Annotated[Path | None, typer.Option(help="A photo to send, at most 20 MiB.", show_default=False)] = None,
    sticker: Annotated[str | None, typer.Option(help="A sticker to send: its emoji.", show_default=False)] = None,
    save: Annotated[
        Path | None, typer.Option(help="A directory to keep the answer's files in.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds to wait for the answer.")] = 180,
) -> None:
    """Ask one thing and print the answer.

    Prints the answer and nothing else. Exit 1 if there is none; stderr says why.

    Uses the Okos that runs here (OKOS_HOME) or at OKOS_REDIS_URL; if there is none, starts a private one for the
    question. A text has at most 65,536 bytes.
    """
    from okos.cli.ending import ends_cleanly, print_text  # noqa: PLC0415 - see okos.cli
    from okos.local.asking import ask as ask_okos  # noqa: PLC0415
    from okos.local.question import check_user, compose  # noqa: PLC0415
    from okos.local.reach import reached  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    with ends_cleanly():
        settings = load_settings()
        given = _read_text(" ".join(text or []), alone=photo is None and sticker is None)
        question = compose(text=given, photo=photo, sticker=sticker)
        with reached(settings, on_private=_say_private) as found:
            answer = ask_okos(found, question, user=check_user(user), timeout_ms=round(timeout * 1000), directory=save)
        print_text(str(answer))


def _read_text(given: str, *, alone: bool) -> str:
    """Read the text from stdin if it is asked for there, or if it is nowhere else."""
    from okos.local.question import MOST_TEXT_BYTES, decode_text  # noqa: PLC0415

    if given != "-" and (given or not alone or sys.stdin is None or sys.stdin.isatty()):
        return given
    return decode_text(sys.stdin.buffer.read(MOST_TEXT_BYTES + 1).rstrip(b"\r\n"))


def _say_private() -> None:
    if sys.stderr.isatty():
        sys.stderr.write(
            "No Okos runs here: starting a private one for this question. `okos up` runs one that stays.\n"
        )

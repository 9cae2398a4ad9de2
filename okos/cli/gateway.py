"""`okos gateway`."""

import sys
from typing import Annotated

import typer


def gateway(
    *,
    standby: Annotated[
        bool, typer.Option("--standby", help="Wait until no other gateway serves the bot, then take over.")
    ] = False,
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Only sign the bot in anew, forgetting the session it had.")
    ] = False,
) -> None:
    """Connect the bot to Telegram: take in what people write, deliver the answers.

    One gateway serves a bot at a time; `okos up` runs one when OKOS_TELEGRAM__BOT_TOKEN is set. docs/telegram.md tells
    how to get a token and an application, and what happens in every failure.
    """
    from okos.log import configure_logging  # noqa: PLC0415 - see okos.cli
    from okos.mailbox import describe_run  # noqa: PLC0415
    from okos.middleware.telemetry import report_crashes  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415
    from okos.telegram.run import run_gateway, sign_in_anew  # noqa: PLC0415

    settings = load_settings()
    configure_logging(
        settings.log_level,
        settings.log_format,
        levels=settings.log_levels,
        stream=sys.stderr,
        describe_run=describe_run,
    )
    report_crashes(settings)
    if sign_in:
        typer.echo(f"Signed in as @{sign_in_anew(settings)}. Start the gateway: okos up, or okos gateway")
    else:
        run_gateway(settings, stands_by=standby)

"""`okos web`."""

import sys
from typing import Annotated

import typer


def web(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="web.host")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0: any.", show_default="web.port")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for a port that is taken.")] = False,
) -> None:
    """Serve the dashboard, until Ctrl-C.

    `okos up` runs one. Without OKOS_WEB__OPERATOR_TOKEN it makes a token, keeps it in OKOS_HOME, and prints the address
    that logs in with it. It listens on this machine alone unless OKOS_WEB__HOST says otherwise.
    """
    from okos.log import configure_logging  # noqa: PLC0415 - see okos.cli
    from okos.middleware.telemetry import report_crashes  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415
    from okos.web.serve import run_web  # noqa: PLC0415

    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    settings = load_settings(**({"web": given} if given else {}))
    configure_logging(settings.log_level, settings.log_format, levels=settings.log_levels, stream=sys.stderr)
    report_crashes(settings)
    run_web(settings, stdout=sys.stdout, waits=wait)

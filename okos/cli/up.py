"""`okos up`."""

import sys


def up() -> None:
    """Run all of Okos on this machine, until Ctrl-C.

    Starts the server (or uses the one that OKOS_REDIS_URL names), the workers, the scheduler, the dashboard and, if
    OKOS_TELEGRAM__BOT_TOKEN is set, the gateway to Telegram, and keeps them alive. Ctrl-C lets running messages finish;
    a second one stops at once. Nothing is lost either way.
    """
    from okos.settings import load_settings  # noqa: PLC0415 - see okos.cli
    from okos.up import run_up  # noqa: PLC0415

    run_up(load_settings(), stdout=sys.stdout, stderr=sys.stderr)

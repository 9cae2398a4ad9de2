"""`okos scheduler`."""

import sys


def scheduler() -> None:
    """Send the maintenance messages, sweep and prune, at their times.

    `okos up` runs one. It may die or run twice without harm: workers sweep by themselves, only less often.
    """
    from okos.log import configure_logging  # noqa: PLC0415 - see okos.cli
    from okos.scheduler import run_scheduler  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, stream=sys.stderr)
    run_scheduler(settings)

"""`okos scheduler`."""

import sys


def scheduler() -> None:
    """Send the messages that clean up, at their times.

    It sends `sweep`, which looks for what was left behind, and `prune`, which deletes old history. `okos up` runs one.
    It may die or run twice without harm: workers sweep by themselves, only less often.
    """
    from okos.log import configure_logging  # noqa: PLC0415 - see okos.cli
    from okos.middleware.telemetry import report_crashes  # noqa: PLC0415
    from okos.scheduler import run_scheduler  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, levels=settings.log_levels, stream=sys.stderr)
    report_crashes(settings)
    run_scheduler(settings)

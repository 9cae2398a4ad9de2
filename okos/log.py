"""One way to log for every process of Okos: plain words with fields, to stderr.

On a terminal the lines are for a person; anywhere else each is one JSON object. What Dramatiq, APScheduler
and other libraries log through the standard library takes the same road, at the same level. Two rules are
kept here for all of them: a line never holds a message's text (Dramatiq would log an actor's arguments), and
a traceback never holds local variables (they hold texts and keys).
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, TextIO

import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)

#: What a line about a message names; of a library's or the engine's line they are attributes of its record.
_NAMED = ("message_id", "mailbox", "actor", "attempt")

# Libraries that tell at info what is of use only to their authors.
_CHATTY = ("apscheduler", "httpx", "httpx2", "httpcore", "openai", "pyrogram", "watchdog", "asyncio")


def configure_logging(
    level: str,
    log_format: str,
    *,
    levels: Mapping[str, str] | None = None,
    stream: TextIO | None = None,
    describe_run: Callable[[], Mapping[str, str | int]] = dict,
) -> None:
    """Send everything that is logged in this process to one place.

    Args:
        level: debug, info, warning or error.
        log_format: console, json, or auto: console if the stream is a terminal.
        levels: Those of single loggers and what is below them, by name. What is chatty stays at warning or above: at
            debug the model's library would log what it is asked.
        stream: Where to; None is the stream that the process already logs to (in a worker: Dramatiq's pipe to
            its master, which writes to stderr), else stderr.
        describe_run: Names the message that the code which writes a line belongs to: a process with handlers gives
            `okos.mailbox.describe_run`. It is asked for each line, so it costs nothing where none is written.
    """
    root = logging.getLogger()
    if stream is None:
        in_use = [handler.stream for handler in root.handlers if isinstance(handler, logging.StreamHandler)]
        stream = in_use[0] if in_use else sys.stderr
    handler = logging.StreamHandler(stream)
    shared = (*_SHARED, _names(describe_run))
    handler.setFormatter(_formatter(shared, console=is_console(log_format, stream)))
    handler.addFilter(_without_text)
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name, one in (levels or {}).items():
        least = logging.WARNING if name.partition(".")[0] in _CHATTY else logging.DEBUG
        logging.getLogger(name).setLevel(max(least, logging.getLevelNamesMapping()[one.upper()]))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def file_log(file: BinaryIO) -> structlog.typing.WrappedLogger:
    """A log of its own that goes to a file, one JSON object a line, whatever the rest of the process does."""
    return structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: json.dumps(event, default=str).encode()),
        ],
    )


def is_console(log_format: str, stream: TextIO) -> bool:
    """Whether lines are written for a person; `auto` asks whether the stream is a terminal."""
    return stream.isatty() if log_format == "auto" else log_format == "console"


def _names(describe_run: Callable[[], Mapping[str, str | int]]) -> structlog.typing.Processor:
    """Make what puts the message into a line: the one that the line is about, else the one whose run writes it."""

    def name(
        logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        del logger, method
        record = event.get("_record")
        if record is not None:
            event.update({field: getattr(record, field) for field in _NAMED if hasattr(record, field)})
        of_run = describe_run()
        if event.get("message_id") in (None, of_run.get("message_id")):
            return {**of_run, **event}
        return event

    return name


def _formatter(shared: tuple[structlog.typing.Processor, ...], *, console: bool) -> logging.Formatter:
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if console:
        last.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)


def _without_text(record: logging.LogRecord) -> bool:
    """Put a message's id in the place of the message, and drop what is made of an actor's arguments.

    `str(message)` is `text({"text": "what the user wrote"})`, and so is a line of its actor at level debug.
    """
    if record.msg == "Received args=%r kwargs=%r.":
        return False
    if isinstance(record.args, tuple):
        for arg in record.args:
            if hasattr(arg, "named"):  # an attempt, which a hook may speak of before its run begins
                record.__dict__.update(arg.named())
        record.args = tuple(
            f"{arg.actor_name} {arg.message_id}" if hasattr(arg, "message_id") and hasattr(arg, "actor_name") else arg
            for arg in record.args
        )
    return True

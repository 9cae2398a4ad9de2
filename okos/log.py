"""One way to log for every process of Okos: plain words with fields, to stderr.

On a terminal the lines are for a person; anywhere else each is one JSON object. What Dramatiq, APScheduler
and other libraries log through the standard library takes the same road, at the same level. Two rules are
kept here for all of them: a line never holds a message's text (Dramatiq would log an actor's arguments), and
a traceback never holds local variables (they hold texts and keys).
"""

import json
import logging
import sys
from typing import BinaryIO, TextIO

import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)

# Libraries that tell at info what is of use only to their authors.
_CHATTY = ("apscheduler", "httpx", "httpx2", "httpcore", "openai", "pyrogram", "watchdog", "asyncio")


def configure_logging(level: str, log_format: str, *, stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to one place.

    Args:
        level: debug, info, warning or error.
        log_format: console, json, or auto: console if the stream is a terminal.
        stream: Where to; None is the stream that the process already logs to (in a worker: Dramatiq's pipe to
            its master, which writes to stderr), else stderr.
    """
    root = logging.getLogger()
    if stream is None:
        in_use = [handler.stream for handler in root.handlers if isinstance(handler, logging.StreamHandler)]
        stream = in_use[0] if in_use else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(console=is_console(log_format, stream)))
    handler.addFilter(_without_text)
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
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


def _formatter(*, console: bool) -> logging.Formatter:
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if console:
        last.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=last)


def _without_text(record: logging.LogRecord) -> bool:
    """Put a message's id in the place of the message, and drop what is made of an actor's arguments.

    `str(message)` is `text({"text": "what the user wrote"})`, and so is a line of its actor at level debug.
    """
    if record.msg == "Received args=%r kwargs=%r.":
        return False
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{arg.actor_name} {arg.message_id}" if hasattr(arg, "message_id") and hasattr(arg, "actor_name") else arg
            for arg in record.args
        )
    return True

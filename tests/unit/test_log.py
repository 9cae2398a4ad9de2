"""What a line of the log looks like, and what never is in one."""

import io
import json
import logging
from collections.abc import Iterator

import dramatiq
import pytest
import structlog

from okos.log import configure_logging, file_log


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the logging of the test run as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self) -> bool:
        return True


def a_message(text: str) -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name="text", actor_name="text", args=(text,), kwargs={}, options={}, message_id="m-1")


def test_off_a_terminal_each_line_is_one_json_object_with_its_fields() -> None:
    stream = io.StringIO()
    configure_logging("info", "auto", stream=stream)

    structlog.get_logger("okos.test").info("mailbox opened", mailbox="local:7")

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "mailbox opened", "mailbox": "local:7", "level": "info", "logger": "okos.test"}


def test_on_a_terminal_lines_are_for_a_person() -> None:
    stream = Terminal()
    configure_logging("info", "auto", stream=stream)

    structlog.get_logger().info("mailbox opened")

    assert "mailbox opened" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_what_libraries_log_takes_the_same_road() -> None:
    stream = io.StringIO()
    configure_logging("warning", "json", stream=stream)

    logging.getLogger("dramatiq.worker").info("Shutting down...")
    logging.getLogger("dramatiq.worker").warning("Consumer lost %s", "its way")

    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("Consumer lost its way", "warning", "dramatiq.worker")


def test_the_stream_that_a_worker_logs_to_already_is_kept() -> None:
    stream = io.StringIO()
    logging.getLogger().handlers[:] = [logging.StreamHandler(stream)]

    configure_logging("info", "json")
    structlog.get_logger().info("here")

    assert json.loads(stream.getvalue())["event"] == "here"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_message_is_logged_by_its_id_never_by_its_text(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging("debug", log_format, stream=stream)

    logging.getLogger("dramatiq.worker.WorkerThread").error("Failed to process message %s.", a_message("my secret"))
    logging.getLogger("actors.text").debug("Received args=%r kwargs=%r.", ("my secret",), {})

    assert "text m-1" in stream.getvalue()
    assert "secret" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_does_not_show_local_variables(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging("debug", log_format, stream=stream)
    text = "MY SECRET".lower()

    try:
        int(len(text) * "x")
    except ValueError:
        logging.getLogger("dramatiq").exception("It failed.")
        structlog.get_logger().exception("it failed")

    assert stream.getvalue().count("ValueError") >= 2
    assert "my secret" not in stream.getvalue()


def test_a_log_of_its_own_goes_to_its_file() -> None:
    file = io.BytesIO()

    file_log(file).warning("child exited", pid=7)

    line = json.loads(file.getvalue())
    assert (line["event"], line["pid"], line["level"]) == ("child exited", 7, "warning")

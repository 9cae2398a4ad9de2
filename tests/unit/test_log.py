"""What a line of the log looks like, and what never is in one."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import dramatiq
import pytest
import structlog
from deliveries import a_delivery

from okos.log import configure_logging, file_log
from okos.mailbox import describe_run
from okos.mailbox.delivery import enter


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


def test_a_logger_may_have_a_level_of_its_own() -> None:
    stream = io.StringIO()
    configure_logging("warning", "json", levels={"okos.tested": "debug"}, stream=stream)

    logging.getLogger("okos.tested.below").debug("told")
    logging.getLogger("okos.another").info("not told")
    logging.getLogger("okos.tested").setLevel(logging.NOTSET)

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["told"]


def test_what_would_log_texts_at_debug_stays_at_warning() -> None:
    stream = io.StringIO()
    configure_logging("debug", "json", levels={"openai._base_client": "debug"}, stream=stream)

    logging.getLogger("openai._base_client").info("what somebody wrote")
    logging.getLogger("openai._base_client").setLevel(logging.NOTSET)

    assert stream.getvalue() == ""


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_a_run_names_its_message_by_either_road() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream, describe_run=describe_run)
    enter(a_delivery())
    try:
        structlog.get_logger("actors.text").info("looked up", customer=7)
        logging.getLogger("httpx_of_a_handler").info("asked")
    finally:
        enter(None)
    structlog.get_logger("actors.text").info("later")

    *of_run, later = lines_of(stream)
    named = {"message_id": "m1", "mailbox": "local:7", "actor": "answer", "attempt": 1}
    assert [named.items() <= line.items() for line in of_run] == [True, True]
    assert named.keys() & later.keys() == set()


def test_a_line_about_another_message_than_the_run_s_names_that_one_alone() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream, describe_run=describe_run)
    enter(a_delivery())
    try:
        logging.getLogger("okos.mailbox").warning("stalled", extra={"message_id": "m2", "mailbox": "local:8"})
        structlog.get_logger("actors.text").info("found", message_id="m3")
        structlog.get_logger("actors.text").info("this one", message_id="m1")
    finally:
        enter(None)

    stalled, found, this_one = lines_of(stream)
    assert (stalled["message_id"], stalled["mailbox"], "attempt" in stalled) == ("m2", "local:8", False)
    assert (found["message_id"], "mailbox" in found) == ("m3", False)
    assert (this_one["mailbox"], this_one["attempt"]) == ("local:7", 1)


def test_a_line_of_dramatiq_s_about_an_attempt_names_it_also_before_its_run() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream=stream)

    logging.getLogger("dramatiq.worker").warning("Message %s was skipped.", a_delivery())

    (line,) = lines_of(stream)
    assert line["event"] == "Message answer m1 was skipped."
    assert (line["message_id"], line["mailbox"], line["attempt"]) == ("m1", "local:7", 1)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_name_that_is_no_unicode_text_is_logged_all_the_same(log_format: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    configure_logging("info", log_format, stream=stream, describe_run=describe_run)
    delivery = a_delivery()
    delivery.claimed = replace(delivery.claimed, mailbox="local:\udcff")
    enter(delivery)
    try:
        structlog.get_logger("actors.text").info("looked up")
    finally:
        enter(None)

    stream.seek(0)
    assert "looked up" in stream.read()

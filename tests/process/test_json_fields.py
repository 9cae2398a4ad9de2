"""docs/operations.md lists what `--json` of each command for operators prints: held against what it does print."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from operated import bury, commands, send
from real_server import a_server, eventually

from okos.mailbox import MailboxBroker
from okos.middleware import Metrics, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Two dozen commands, one after the other.
pytestmark = pytest.mark.timeout(300)

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("### What `--json` prints")[2].partition("\n## ")[0]
#: The command and the place in what it prints, to the fields there.
DOCUMENTED = {
    (command, place.strip(" `")): set(re.findall(r"`(\w+)`", fields))
    for command, place, fields in re.findall(r"(?m)^\| `okos ([^`]+)` \|([^|]*)\| (.+?) \|$", TABLE)
}
#: Lists whose elements the table describes once, at another command.
AS_OF_OTHERS = {("top", "workers[]"), ("privacy", "still_waiting[]")}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:  # Any: JSON
    """Have each command print, by its name, of a store with what waits, what was given up, and a paused worker."""
    with a_server() as server:
        burying, broker = (MailboxBroker(server.url, middleware=[Metrics(), Retry(max_retries=0)]) for _ in range(2))
        okos = commands(server.url, "okos", tmp_path_factory.mktemp("json"))
        bury(burying, "one", "two", "three")
        burying.close()
        broker.declare_queue("text")
        broker.pause()
        worker = dramatiq.Worker(broker, worker_threads=1)
        worker.start()
        first, *_ = [send(broker, "local:7") for _ in range(3)]
        newest, *_ = broker.failed()
        eventually(broker.workers)
        asked = {
            "status": ["status"],
            "doctor": ["doctor"],
            "health": ["health", "store"],
            "top": ["top", "--once"],
            "users": ["users"],
            "mailbox": ["mailbox", "local:7", "--texts"],
            "message": ["message", first],
            "failed": ["failed"],
            "failed --group": ["failed", "--group"],
            "requeue": ["requeue", newest.id],
            "discard": ["discard", "--all", "--yes"],
            "cancel": ["cancel", first, "--yes"],
            "pause": ["pause", "local:7"],
            "resume": ["resume", "local:7"],
            "limits set": ["limits", "set", "local:7", "--burst", "2"],
            "limits show": ["limits", "show"],
            "limits export": ["limits", "export"],
            "limits import": ["limits", "import", "-"],
            "privacy": ["privacy", "local:7", "--texts"],
            "drain": ["drain", "--timeout", "0"],
            "audit": ["audit"],
            "config show": ["config", "show"],
            "config check": ["config", "check"],
            "config export": ["config", "export"],
        }
        yield {
            name: json.loads(okos(*arguments, "--json", said='{"limits": {}, "paused": []}').stdout)
            for name, arguments in asked.items()
        }
        worker.stop()
        broker.close()


def at(place: str, value: Any) -> Any:  # Any: JSON
    """Give what is there, of a list its first, of an object with names of its own any."""
    for step in re.findall(r"\w+|\[\]|<\w+>", place):
        value = value[0] if step == "[]" else next(iter(value.values())) if step[0] == "<" else value[step]
    return value


@pytest.mark.parametrize(("command", "place"), DOCUMENTED)
def test_a_command_prints_the_fields_that_are_documented(printed: dict[str, Any], command: str, place: str) -> None:
    assert set(at(place, printed[command])) == DOCUMENTED[command, place]


def test_every_command_that_prints_fields_is_documented(printed: dict[str, Any]) -> None:
    assert set(printed) == {command for command, _ in DOCUMENTED}


def test_every_list_of_objects_is_documented(printed: dict[str, Any]) -> None:
    found = {(command, "[]") for command, value in printed.items() if isinstance(value, list)} | {
        (command, f"{name}[]")
        for command, value in printed.items()
        if isinstance(value, dict)
        for name, part in value.items()
        if isinstance(part, list) and part and isinstance(part[0], dict)
    }

    assert found - AS_OF_OTHERS <= set(DOCUMENTED)

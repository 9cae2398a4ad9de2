"""A command that is given an empty name, as by a variable of the shell that is not set, says so and does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from operated import bury, commands, send
from real_server import a_server

from okos.mailbox import MailboxBroker
from okos.middleware import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operated import Okos

EMPTY = {
    ("pause", ""): "the user",
    ("resume", ""): "the user",
    ("cancel", "", "--yes"): "a message's id",
    ("cancel", "m1", "", "--yes"): "a message's id",
    ("cancel", "--mailbox", "", "--yes"): "--mailbox",
    ("mailbox", ""): "the user",
    ("message", ""): "the message's id",
    ("limits", "set", "", "--burst", "2"): "the user",
    ("limits", "set", ""): "the user",
    ("privacy", ""): "the user",
    ("privacy", "", "--erase", "--yes"): "the user",
    ("failed", "--error", ""): "--error",
    ("failed", "--group", "--mailbox", ""): "--mailbox",
    ("requeue", ""): "a dead letter's id",
    ("requeue", "--mailbox", "", "--yes"): "--mailbox",
    ("requeue", "--error", "", "--yes"): "--error",
    ("requeue", "--all", "--error", "", "--yes"): "--error",
    ("discard", "", "--yes"): "a dead letter's id",
    ("discard", "--mailbox", "", "--yes"): "--mailbox",
    ("discard", "--error", "", "--yes"): "--error",
    ("discard", "--actor", "", "--yes"): "--actor",
}


@pytest.fixture(scope="module")
def okos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MailboxBroker, Okos]]:
    """Run a server with a user who waits, one who is paused, one with limits, and a dead letter."""
    with a_server() as server:
        broker = MailboxBroker(server.url, middleware=[Retry(max_retries=0)])
        bury(broker, "one")
        send(broker, "local:7")
        broker.pause("local:8")
        broker.limit("local:9", burst=2)
        yield broker, commands(server.url, "okos", tmp_path_factory.mktemp("empty"))
        broker.close()


def held(broker: MailboxBroker) -> tuple[object, ...]:
    """Give all that a command could have changed."""
    return (broker.stats(), broker.limits(), broker.failed(), broker.audit(), broker.backlog().mailboxes)


@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_an_empty_name_is_a_line_and_nothing_is_done(
    okos: tuple[MailboxBroker, Okos], arguments: tuple[str, ...]
) -> None:
    broker, run = okos
    before = held(broker)

    done = run(*arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"okos: {EMPTY[arguments]} is empty, so it names nothing; nothing was done\n"
    assert held(broker) == before


def test_what_is_exported_for_a_user_without_a_name_is_taken_by_nobody(okos: tuple[MailboxBroker, Okos]) -> None:
    broker, run = okos
    before = held(broker)

    done = run("limits", "import", "-", said='{"limits": {"local:7": {"burst": 3}, "": {"burst": 2}}, "paused": [""]}')

    assert (done.returncode, done.stderr) == (1, "okos: a user has no name\n")
    assert held(broker) == before

"""docs/security.md: each test that it names exists, and what it says to run does what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dramatiq
import pytest

from okos.assistant.memory import Remembered, store_name, written
from okos.mailbox import MailboxBroker, current_run
from okos.middleware import History, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Okos = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", PAGE)))
MAILBOX = "telegram:7777777"


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_is_said_to_show_something_is_there(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")

    assert not name or re.search(rf"(?m)^(async )?def {name}\(", source)


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace, middleware=[History(done_count=1000), Retry(max_retries=0)])
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def okos(url: str, namespace: str, tmp_path: Path) -> Okos:
    """Run a command to its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OKOS_")}
    environment |= {"OKOS_REDIS_URL": url, "OKOS_NAMESPACE": namespace, "OKOS_HOME": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=environment | {"OKOS_CONFIG": os.devnull},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_all_that_is_kept_of_somebody_is_handed_out(broker: MailboxBroker, okos: Okos) -> None:
    leave_something(broker, MAILBOX, "telegram:8")

    plain = okos("privacy", MAILBOX)
    whole = json.loads(okos("privacy", MAILBOX, "--texts", "--json").stdout)

    assert plain.stdout == f"{MAILBOX}: 1 waiting, 2 given up, 2 done, 1 turns remembered\n"
    assert whole["remembered"] == [{"id": "1", "user": f"remembered of {MAILBOX}", "assistant": "yes"}]
    assert words(whole["given_up"]) == [f"could not answer {MAILBOX}", f"failed of {MAILBOX}"]
    assert words(whole["finished"]) == [f"answered {MAILBOX}", MAILBOX]
    assert words(whole["still_waiting"]) == ["waits"]
    assert "telegram:8" not in json.dumps(whole)


def test_what_is_erased_is_gone_and_all_of_others_stays(broker: MailboxBroker, okos: Okos) -> None:
    others = "telegram:77777777"  # its outbox begins with the name of the other one's
    leave_something(broker, MAILBOX, others)

    unsure = okos("privacy", MAILBOX, "--erase")
    before = kept(broker, MAILBOX)
    erased = okos("privacy", MAILBOX, "--erase", "--yes")
    again = okos("privacy", MAILBOX, "--erase", "--yes")

    assert (unsure.returncode, erased.returncode, again.returncode) == (2, 0, 3)
    assert (before, kept(broker, MAILBOX), kept(broker, others)) == ((1, 1, 1), (0, 0, 0), (1, 1, 1))
    entry = broker.audit()[0]
    assert (entry.action, entry.target) == ("erase", MAILBOX)
    broker.sweep()  # as a worker does every two seconds
    left = broker.store.client.hvals(broker.store.key("body"))
    named = [name for body in left for name in json.loads(body)["args"]]
    assert sorted(named) == sorted(
        [f"answered {others}", f"could not answer {others}", f"failed of {others}", others, "waits"]
    )


def test_what_was_done_is_erased_even_if_nothing_else_is_kept(broker: MailboxBroker, okos: Okos) -> None:
    leave_something(broker, MAILBOX)
    broker.cancel_mailbox(MAILBOX)
    broker.discard_all()
    broker.delete(store_name(MAILBOX))

    plain = okos("privacy", MAILBOX)
    erased = okos("privacy", MAILBOX, "--erase", "--yes")
    broker.sweep()

    assert (plain.returncode, erased.returncode) == (0, 0)
    assert erased.stdout == f"{MAILBOX}: erased: 0 waiting, 0 given up, 2 done, 0 turns remembered\n"
    assert broker.store.client.hvals(broker.store.key("body")) == []
    assert okos("privacy", MAILBOX).returncode == 3


def words(messages: list[dict[str, list[str]]]) -> list[str]:
    """Give what they say, sorted."""
    return sorted(message["args"][0] for message in messages)


def kept(broker: MailboxBroker, mailbox: str) -> tuple[int, int, int]:
    """Count what waits, what was given up, what is remembered."""
    waiting, dead = broker.mailbox(mailbox).length, len(broker.failed(mailbox=mailbox))
    return waiting, dead, len(broker.read_list(store_name(mailbox)))


def leave_something(broker: MailboxBroker, *mailboxes: str) -> None:
    """Leave of each what can be: something that waits, failed or was done, likewise a reply, and a remembered turn."""

    @dramatiq.actor(broker=broker)
    def fail(_text: str) -> None:
        raise ValueError("it fails")

    @dramatiq.actor(broker=broker)
    def remember(mailbox: str) -> None:
        run = current_run()
        assert run is not None
        turn = Remembered(id="1", user=f"remembered of {mailbox}", assistant="yes")
        run.append(store_name(mailbox), written(turn), keep=20, ttl_ms=60_000)

    @dramatiq.actor(broker=broker)
    def deliver(_text: str) -> None:
        pass

    for mailbox in mailboxes:
        outbox = f"outbox.{mailbox.replace(':', '.')}"
        deliver.send_with_options(args=(f"answered {mailbox}",), mailbox=outbox)
        fail.send_with_options(args=(f"could not answer {mailbox}",), mailbox=outbox)
        fail.send_with_options(args=(f"failed of {mailbox}",), mailbox=mailbox)
        remember.send_with_options(args=(mailbox,), mailbox=mailbox)
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)
    broker.emit_after("process_boot")
    worker.start()
    broker.join("default", timeout=60_000)
    worker.stop()
    for mailbox in mailboxes:
        fail.send_with_options(args=("waits",), mailbox=mailbox)

"""The operator's commands: what they change, what they print, how they exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dramatiq
import pytest

from okos.mailbox import MailboxBroker
from okos.middleware import Metrics, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Okos = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def namespace() -> str:
    return "operated"


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace, middleware=[Metrics(), Retry(max_retries=0)])
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def okos(url: str, namespace: str, tmp_path: Path) -> Okos:
    """Run a command to its end."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    environment = ours | {
        "OKOS_HOME": str(tmp_path / "home"),
        "OKOS_CONFIG": os.devnull,
        "OKOS_REDIS_URL": url,
        "OKOS_NAMESPACE": namespace,
    }

    def run(*arguments: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=environment,
            cwd=tmp_path,
            input=said,
            stdin=subprocess.DEVNULL if said is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def send(broker: MailboxBroker, mailbox: str, text: str = "a secret") -> str:
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="text", actor_name="text", args=(text,), kwargs={}, options={"mailbox": mailbox}
    )
    return broker.enqueue(message).message_id


def bury(broker: MailboxBroker, *texts: str) -> None:
    @dramatiq.actor(broker=broker, actor_name="text", queue_name="text")
    def fail(text: str) -> None:
        raise ValueError(f"cannot read {len(text)} characters")

    for number, text in enumerate(texts):
        send(broker, f"local:{number}", text)
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    broker.join("text", timeout=60_000)
    worker.stop()


def test_a_user_is_found_paused_resumed_and_cancelled_and_all_of_it_is_written_down(
    broker: MailboxBroker, okos: Okos
) -> None:
    ids = [send(broker, "local:7") for _ in range(3)]
    send(broker, "local:8")

    (first, second) = json.loads(okos("users", "--json").stdout)["users"]
    assert (first["mailbox"], first["length"], second["length"]) == ("local:7", 3, 1)
    assert okos("pause", "local:7").returncode == 0
    assert okos("pause", "local:7").returncode == 3
    assert json.loads(okos("mailbox", "local:7", "--json").stdout)["place"] == "paused"
    assert okos("resume", "local:7").stdout == "local:7 goes on\n"
    refused = okos("cancel", ids[0])
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert okos("cancel", ids[0], "--yes").returncode == 0
    assert okos("cancel", ids[0], "--yes").returncode == 3
    assert json.loads(okos("cancel", "--mailbox", "local:7", "--yes", "--json").stdout) == {
        "cancelled": 2,
        "flagged": 0,
    }

    assert broker.stats().waiting == 1
    trail = [(one.action, one.target) for one in reversed(broker.audit())]
    assert trail[0] == ("pause", "local:7")
    assert trail[-1] == ("cancel mailbox", "local:7")


def test_texts_are_shown_only_if_they_are_asked_for(broker: MailboxBroker, okos: Okos) -> None:
    message_id = send(broker, "local:7")

    for arguments in (["mailbox", "local:7"], ["message", message_id]):
        for form in ([], ["--json"]):
            assert "a secret" not in okos(*arguments, *form).stdout
            assert "a secret" in okos(*arguments, *form, "--texts").stdout


def test_dead_letters_are_found_grouped_and_requeued(broker: MailboxBroker, okos: Okos) -> None:
    bury(broker, "a secret", "a longer secret")

    listed = okos("failed", "--since", "1h", "--error", "CANNOT READ", "--json")
    (group,) = json.loads(okos("failed", "--group", "--json").stdout)
    newest = json.loads(listed.stdout)[0]

    assert "a secret" not in listed.stdout
    assert (group["count"], group["mailboxes"], group["actor"]) == (2, 2, "text")
    assert "became a dead letter" in okos("message", newest["id"]).stdout
    assert okos("failed", "--error", "another").returncode == 3
    assert okos("requeue").returncode == 2
    assert okos("requeue", newest["id"]).stdout == "1 dead letter requeued\n"
    assert okos("requeue", "--all").returncode == 2
    assert json.loads(okos("requeue", "--all", "--yes", "--json").stdout) == {"requeued": 1}
    assert (broker.stats().dead, broker.stats().waiting) == (0, 2)


def test_draining_waits_for_nothing_and_tells_what_is_left(broker: MailboxBroker, okos: Okos) -> None:
    assert okos("drain").stdout == "empty\n"
    send(broker, "local:7")

    left = okos("drain", "--timeout", "0", "--json")

    assert (left.returncode, json.loads(left.stdout)["left"]) == (3, 1)


def test_limits_are_exported_and_imported(broker: MailboxBroker, okos: Okos) -> None:
    assert okos("limits", "set", "local:7", "--jobs-per-second", "0.5", "--burst", "2").returncode == 0
    broker.pause("local:8")
    exported = okos("limits", "export").stdout
    broker.limit("local:7")
    broker.resume("local:8")
    broker.limit("local:9", max_jobs_per_user=2)

    assert okos("limits", "import", "-", said='{"limits": {"local:7": {"burst": "2"}}}').returncode == 1
    assert set(broker.limits().overrides) == {"local:9"}
    assert okos("limits", "import", "-", "--replace", "--yes", said=exported).returncode == 0

    seen = broker.limits()
    assert (set(seen.overrides), seen.overrides["local:7"].burst, seen.paused) == ({"local:7"}, 2, ("local:8",))
    assert "local:7" in okos("limits", "show").stdout


def test_the_settings_are_shown_without_their_secrets(okos: Okos, url: str) -> None:
    shown = okos("config", "show", "--json").stdout

    assert json.loads(shown)["settings"]["redis_url"] == url
    assert okos("config", "check").stdout == "the settings are right\n"


def test_top_looks_once_without_a_terminal(broker: MailboxBroker, okos: Okos) -> None:
    send(broker, "local:7")

    assert "No worker is alive" in okos("top", "--once").stdout
    assert json.loads(okos("top", "--once", "--json").stdout)["stats"]["waiting"] == 1


def test_every_command_completes_in_the_shell(okos: Okos) -> None:
    assert "complete" in okos("--show-completion", "bash").stdout

"""The operator's commands: what they change, what they print, how they exit."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from operated import bury, commands, send

from okos.mailbox import MailboxBroker
from okos.middleware import Metrics, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from operated import Okos


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
    return commands(url, namespace, tmp_path)


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


def test_a_pause_of_everything_is_told_wherever_somebody_looks_why_nothing_starts(
    broker: MailboxBroker, okos: Okos
) -> None:
    send(broker, "local:7")
    before = [okos("status").stdout, okos("doctor").stdout, okos("mailbox", "local:7").stdout, okos("users").stderr]
    broker.pause()

    after = [okos("status").stdout, okos("doctor").stdout, okos("mailbox", "local:7").stdout, okos("users").stderr]

    assert not any("everything is paused" in said for said in before)
    assert all("everything is paused" in said for said in after)
    assert "free slot" not in after[2]
    assert okos("status").returncode == 3  # for no worker is alive; a pause does not change it
    assert all(json.loads(okos(*one, "--json").stdout)["all_paused"] for one in (["users"], ["mailbox", "local:7"]))
    assert json.loads(okos("status", "--json").stdout)["paused"]


def test_status_tells_a_bot_without_a_gateway(broker: MailboxBroker, okos: Okos) -> None:
    bot = {"OKOS_TELEGRAM__BOT_TOKEN": "42:secret", "OKOS_TELEGRAM__API_ID": "1", "OKOS_TELEGRAM__API_HASH": "0" * 32}

    alone = okos("status")
    missed = okos("status", **bot)
    broker.write("telegram:42:state", b'{"online": true, "bot": "their_bot"}', ttl_ms=60_000)
    broker.take_lease("telegram:42", "there/123/x/y", ttl_ms=60_000)
    found = okos("status", **bot)

    assert "gateway" not in alone.stdout
    assert "problem   no gateway serves the bot" in missed.stdout
    assert "gateway   pid 123 on there: connected as @their_bot" in found.stdout
    assert "no gateway" not in found.stdout
    assert "secret" not in missed.stdout + missed.stderr


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


def test_dead_letters_are_deleted_for_good_when_that_is_meant(broker: MailboxBroker, okos: Okos) -> None:
    bury(broker, "one", "two", "three")
    newest = broker.failed()[0].id

    assert okos("discard", newest).returncode == 2
    assert okos("discard", newest, "--yes").stdout == "1 dead letter deleted\n"
    assert okos("discard", newest, "--yes").returncode == 3
    assert json.loads(okos("discard", "--error", "cannot read", "--yes", "--json").stdout) == {"deleted": 2}

    assert broker.stats().dead == 0
    assert [one.action for one in broker.audit()] == ["delete all", "delete", "delete"]


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
    imported = json.loads(okos("limits", "import", "-", "--replace", "--yes", "--json", said=exported).stdout)
    assert imported == {"limits": 1, "paused": 1, "taken_away": 1, "resumed": 0}

    seen = broker.limits()
    assert (set(seen.overrides), seen.overrides["local:7"].burst, seen.paused) == ({"local:7"}, 2, ("local:8",))
    assert "local:7" in okos("limits", "show").stdout


@pytest.mark.parametrize(
    "own",
    [
        '{"jobs_per_second": 1e-300}',
        '{"jobs_per_second": Infinity}',
        '{"jobs_per_second": NaN}',
        f'{{"max_jobs_per_user": {"9" * 26}}}',
        '{"burst": 1000001}',
        '{"burst": true}',
        "[" * 100_000,
    ],
)
def test_limits_that_cannot_be_meant_are_imported_by_nobody(broker: MailboxBroker, okos: Okos, own: str) -> None:
    done = okos("limits", "import", "-", said=f'{{"limits": {{"local:7": {{"burst": 2}}, "local:8": {own}}}}}')

    assert (done.returncode, done.stderr.count("\n"), done.stderr[:6]) == (1, 1, "okos: ")
    assert broker.limits().overrides == {}


@pytest.mark.parametrize(
    "limit",
    [
        ("--jobs-per-second", "1e-300"),
        ("--jobs-per-second", "inf"),
        ("--jobs-per-second", "nan"),
        ("--max-jobs-per-user", "9" * 26),
        ("--burst", "1000001"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(broker: MailboxBroker, okos: Okos, limit: tuple[str, str]) -> None:
    done = okos("limits", "set", "local:7", *limit)

    assert (done.returncode in {1, 2}, "Traceback" in done.stderr) == (True, False)
    assert broker.limits().overrides == {}


def test_a_key_that_no_mailbox_can_have_is_refused_and_an_odd_id_is_written_down(
    broker: MailboxBroker, okos: Okos
) -> None:
    odd = os.fsdecode(b"\xff")
    for key in (odd, "x" * 600):
        for done in (okos("pause", key), okos("limits", "set", key, "--burst", "2")):
            assert (done.returncode, done.stderr.count("\n"), done.stderr[:6]) == (1, 1, "okos: ")
    broker.store.call("audit", '{"who":"a","action":"b","target":"\\udcff","outcome":"c"}')  # as it was written before

    assert okos("cancel", odd, "--yes").returncode == 3

    assert [one.target for one in broker.audit()] == ["\\udcff", "\\udcff"]
    assert (broker.limits().paused, broker.limits().overrides) == ((), {})


def test_the_password_in_an_address_is_shown_by_no_command(okos: Okos) -> None:
    for arguments in (["status"], ["status", "--json"], ["config", "show"], ["config", "export"], ["ask", "hi"]):
        done = okos(*arguments, OKOS_REDIS_URL="unix:///no/x.sock?db=0&password=SECRETPW")

        assert "SECRETPW" not in done.stdout + done.stderr


def test_the_settings_are_shown_without_their_secrets(okos: Okos, url: str) -> None:
    shown = okos("config", "show", "--json").stdout

    assert json.loads(shown)["settings"]["redis_url"] == url
    assert okos("config", "check").stdout == "the settings are right\n"


def test_the_settings_are_taken_elsewhere_without_their_secrets(okos: Okos, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/okos.toml").write_text(
        'concurrency = 7\n[model]\nname = "\\"quoted\\" é"\napi_key = "a-secret-key"\n[kinds.voice]\ncost = 5\n'
    )
    exported = okos("config", "export", config="config/okos.toml").stdout
    (tmp_path / "there.toml").write_text(exported)

    told = json.loads(okos("config", "export", "--json", config="there.toml").stdout)

    assert "a-secret-key" not in exported
    assert "# api_key: set by OKOS_MODEL__API_KEY" in exported
    assert okos("config", "check", config="there.toml").returncode == 0
    assert (told["settings"]["concurrency"], told["settings"]["model.name"]) == (7, '"quoted" é')
    assert told["settings"]["kinds.voice.cost"] == 5


def test_top_looks_once_without_a_terminal(broker: MailboxBroker, okos: Okos) -> None:
    send(broker, "local:7")

    assert "No worker is alive" in okos("top", "--once").stdout
    assert json.loads(okos("top", "--once", "--json").stdout)["stats"]["waiting"] == 1


def test_every_command_completes_in_the_shell(okos: Okos) -> None:
    assert "complete" in okos("--show-completion", "bash").stdout

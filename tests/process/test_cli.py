"""The command `okos`: what it prints, where, and how it exits."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from okos.mailbox import MailboxBroker
from okos.private import private_okos
from okos.server import as_admin, find_server
from okos.settings import Settings

Wait = Callable[[Callable[[], object]], None]
Okos = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing is set but a home of one's own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    return ours | {"OKOS_HOME": str(tmp_path / "home"), "OKOS_CONFIG": os.devnull}


@pytest.fixture
def okos(environment: dict[str, str], tmp_path: Path) -> Okos:
    """Run a command to its end."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=environment | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture
def model_server() -> Iterator[str]:
    """List the models to whoever has the key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Bearer right"
            self.send_response((200 if known else 401) if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:  # Any: as the base class has it
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_the_version_is_told(okos: Okos) -> None:
    assert okos("--version").stdout.startswith("okos 0.")


@pytest.mark.parametrize(
    "command", ["up", "ask", "chat", "demo", "status", "doctor", "init", "acl", "scheduler", "web"]
)
def test_every_command_describes_itself(command: str, okos: Okos) -> None:
    assert command in okos("--help").stdout
    assert "Usage: okos" in okos(command, "--help").stdout


@pytest.mark.parametrize("command", ["up", "ask", "chat", "status", "doctor", "scheduler", "web"])
def test_a_wrong_setting_is_one_line_on_stderr(command: str, okos: Okos) -> None:
    done = okos(command, OKOS_LEASE_MS="soon")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("okos: the setting lease_ms is wrong, from the environment variable OKOS_LEASE_MS")
    assert done.stderr.count("\n") == 1


def test_status_without_a_worker_exits_with_3_and_counts_all_the_same(okos: Okos, environment: dict[str, str]) -> None:
    server = find_server(Settings(home=Path(environment["OKOS_HOME"])))

    done = okos("status", "--json")

    server.stop()
    status = json.loads(done.stdout)
    assert done.returncode == 3
    assert (status["works"], status["workers"], status["stats"]["waiting"]) == (False, [], 0)
    assert "no worker is alive" in status["reason"]


def test_status_of_a_server_that_is_away_exits_with_3(okos: Okos) -> None:
    done = okos("status", OKOS_REDIS_URL="redis://:hunter2@127.0.0.1:1/0")

    assert done.returncode == 3
    assert "hunter2" not in done.stdout + done.stderr
    assert "problem" in done.stdout
    assert done.stderr == ""


def test_a_fresh_machine_is_well(okos: Okos) -> None:
    done = okos("doctor", "--json")

    assert done.returncode == 0
    assert {name: finding["grade"] for name, finding in findings(done).items()} == {
        "python": "ok",
        "settings": "ok",
        "home": "ok",
        "server": "ok",
        "workers": "warning",
        "handlers": "ok",
        "model": "warning",
        "telegram": "ok",
    }


def test_doctor_sees_workers_that_are_alive(okos: Okos, tmp_path: Path) -> None:
    with private_okos(tmp_path / "other", settings=Settings()) as running:
        running.wait_ready()

        done = okos("doctor", "--json", OKOS_REDIS_URL=running.url)

    assert findings(done)["workers"] == {"name": "workers", "grade": "ok", "text": "1 alive, 8 messages at once"}
    assert findings(done)["schema"]["text"].startswith("1, of what is stored in the namespace")


@pytest.mark.parametrize(
    ("settings", "name", "text"),
    [
        ({"OKOS_HOME": "/dev/null/home"}, "home", "cannot be used"),
        ({"OKOS_REDIS_URL": "redis://127.0.0.1:1/0"}, "server", "no server answers"),
        ({"OKOS_HANDLERS": "nobodys_handlers"}, "handlers", "nobodys_handlers"),
        ({"OKOS_MODEL__BASE_URL": "http://127.0.0.1:1/v1"}, "model", "does not answer"),
    ],
)
def test_doctor_finds_what_is_broken(okos: Okos, settings: dict[str, str], name: str, text: str) -> None:
    done = okos("doctor", "--json", **settings)

    assert done.returncode == 1
    assert findings(done)[name]["grade"] == "fault"
    assert text in findings(done)[name]["text"]


def test_doctor_finds_a_server_that_would_lose_messages(okos: Okos, tmp_path: Path) -> None:
    import redis  # noqa: PLC0415

    server = find_server(Settings(home=tmp_path / "other"))
    with redis.Redis.from_url(as_admin(server.url)) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "100mb")
        client.config_set("appendonly", "no")

    done = okos("doctor", "--json", OKOS_REDIS_URL=server.url)

    server.stop()
    assert done.returncode == 1
    assert findings(done)["eviction"]["grade"] == "fault"
    assert findings(done)["persistence"]["grade"] == "warning"


@pytest.mark.parametrize(("key", "grade"), [("right", "ok"), ("wrong", "fault")])
def test_doctor_asks_the_model(okos: Okos, model_server: str, key: str, grade: str) -> None:
    done = okos("doctor", "--json", OKOS_MODEL__BASE_URL=model_server, OKOS_MODEL__API_KEY=key)

    assert findings(done)["model"]["grade"] == grade
    assert key not in findings(done)["model"]["text"]


def test_doctor_names_a_variable_that_means_nothing(okos: Okos) -> None:
    done = okos("doctor", OKOS_CONCURENCY="3")

    assert "OKOS_CONCURENCY; did you mean OKOS_CONCURRENCY?" in done.stdout


def test_what_init_writes_works(okos: Okos, tmp_path: Path) -> None:
    written = okos("init", "mine")
    again = okos("init", "mine")

    assert written.stdout.splitlines()[-1] == "mine/config/okos.toml"
    assert (again.returncode, again.stdout) == (1, "")
    assert "would be overwritten: move it away, or say --force" in again.stderr
    assert okos("doctor", OKOS_CONFIG=str(tmp_path / "mine" / "config")).returncode == 0


def test_the_scheduler_sends_and_stops_on_sigterm(
    environment: dict[str, str], tmp_path: Path, wait_until: Wait
) -> None:
    server = find_server(Settings(home=Path(environment["OKOS_HOME"])))
    broker = MailboxBroker(server.url, middleware=[])
    with subprocess.Popen(
        [sys.executable, "-m", "okos", "scheduler"],
        env=environment | {"OKOS_SCHEDULE__SWEEP_S": "0.05", "OKOS_SCHEDULE__PRUNE_S": "0.05"},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    ) as scheduler:
        wait_until(lambda: broker.stats().waiting == 2)

        scheduler.send_signal(signal.SIGTERM)

        assert scheduler.wait(60) == 0
    broker.close()
    server.stop()


def test_the_users_of_a_server_are_written_from_its_address(okos: Okos, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://okos:secret@h:6379/0\n")
    (tmp_path / "watching").write_text("watching\n")

    printed = okos("acl", OKOS_REDIS_URL_FILE="url", OKOS_NAMESPACE="mine")
    written = okos("acl", "--file", "users.acl", "--watcher", "watching", OKOS_REDIS_URL_FILE="url")
    refused = okos("acl", OKOS_REDIS_URL="redis://h:6379/0")

    assert [line.split()[:4] for line in printed.stdout.splitlines()] == [
        ["user", "default", "reset", "on"],
        ["user", "okos", "reset", "on"],
    ]
    assert "~{mine}:* &{mine}:* -@all" in printed.stdout
    assert written.stdout == ""
    assert "user watcher" in (tmp_path / "users.acl").read_text()
    assert "secret" not in printed.stdout
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "redis://okos:PASSWORD@HOST" in refused.stderr

"""The secret scan of `make check`: what it finds, and that it finds nothing here."""

from __future__ import annotations

import json
import secrets
import string
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALPHABET = string.ascii_letters + string.digits


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "find_secrets.py", folder], capture_output=True, text=True, check=False
    )


def drawn(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


# Made anew each time and put together here, so that this file holds none.
PLANTED = {
    "bot.env": lambda: f"OKOS_TELEGRAM__BOT_TOKEN=7{secrets.randbelow(10**9):09}:AA{drawn(33)}\n",
    "key.pem": lambda: "-----BEGIN RSA " + f"PRIVATE KEY-----\n{drawn(64)}\n-----END RSA " + "PRIVATE KEY-----\n",
    "model.py": lambda: f'KEY = "sk-{drawn(20)}' + f'T3BlbkFJ{drawn(20)}"\n',
    "server.toml": lambda: f'redis_url = "rediss://okos:{drawn(20)}@redis.example:6379/0"\n',
    "gateway.toml": lambda: f'session = "{drawn(320)}"\n',
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "README.md").write_text("# Nothing to see\n")
    return tmp_path


@pytest.mark.parametrize("name", PLANTED)
def test_a_secret_that_is_tracked_is_found(repository: Path, name: str) -> None:
    (repository / name).write_text(PLANTED[name]())
    subprocess.run(["git", "add", "--all"], cwd=repository, check=True)

    found = scan(repository)

    assert found.returncode == 1
    assert found.stdout.startswith(f"{name}:1: ")


def test_what_git_does_not_track_is_nobody_s_business(repository: Path) -> None:
    (repository / ".gitignore").write_text(".env\n")
    (repository / ".env").write_text(PLANTED["bot.env"]())
    subprocess.run(["git", "add", "--all"], cwd=repository, check=True)

    assert scan(repository).returncode == 0


def test_this_repository_holds_none() -> None:
    found = scan(ROOT)

    assert (found.returncode, found.stdout) == (0, "")


def test_what_looks_like_one_is_named_where_it_is() -> None:
    named = json.loads((ROOT / ".secrets.baseline").read_text(encoding="utf-8"))["results"]

    assert [one["type"] for one in named["tests/datacentre/key_for_tests_only.pem"]] == ["Private Key"]
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert {name for name, found in named.items() if any(one["type"] == "Private Key" for one in found)} == {
        "tests/datacentre/key_for_tests_only.pem"
    }

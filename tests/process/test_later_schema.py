"""Every process that starts on what a later release has stored ends with one line, and has touched nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TELEGRAM = {
    "OKOS_TELEGRAM__API_ID": "1",
    "OKOS_TELEGRAM__API_HASH": "0" * 32,
    "OKOS_TELEGRAM__BOT_TOKEN": "4242:AAE",
    "OKOS_TELEGRAM__DC_ADDRESS": "127.0.0.1:1",
}
STARTS = {
    "a worker": ["-m", "dramatiq", "okos.actors", "--processes", "1", "--threads", "1"],
    "okos up": ["-m", "okos", "up"],
    "the scheduler": ["-m", "okos", "scheduler"],
    "the gateway": ["-m", "okos", "gateway"],
    "the dashboard": ["-m", "okos", "web", "--port", "0"],
    "a client": ["-m", "okos", "ask", "hello"],
    "an operator's look": ["-m", "okos", "users"],
    "an operator's change": ["-m", "okos", "requeue", "--all", "--yes"],
    "status": ["-m", "okos", "status"],
    "doctor": ["-m", "okos", "doctor"],
}


@pytest.fixture
def later(url: str, namespace: str) -> Iterator[Redis]:
    """Stand for a namespace of a release that is not written yet."""
    client = Redis.from_url(url)
    client.hset(f"{{{namespace}}}:engine", mapping={"schema": 999, "last": 1})
    yield client
    client.delete(f"{{{namespace}}}:engine")
    client.close()


@pytest.mark.parametrize("command", STARTS.values(), ids=STARTS)
def test_a_process_that_starts_there_says_so_and_leaves_it_alone(
    command: list[str], later: Redis, url: str, namespace: str, tmp_path: Path
) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    environment = (
        ours
        | TELEGRAM
        | {
            "OKOS_HOME": str(tmp_path / "home"),
            "OKOS_CONFIG": os.devnull,
            "OKOS_REDIS_URL": url,
            "OKOS_NAMESPACE": namespace,
        }
    )

    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert f"what is stored in the namespace {namespace} is of schema 999" in said
    assert "Traceback" not in said
    assert list(later.scan_iter(match=f"{{{namespace}}}:*")) == [f"{{{namespace}}}:engine".encode()]
    assert later.hgetall(f"{{{namespace}}}:engine") == {b"schema": b"999", b"last": b"1"}

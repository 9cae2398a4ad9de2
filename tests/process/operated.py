"""A store that operators act on: the commands, run as they do, and messages that wait or were given up."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dramatiq

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from okos.mailbox import MailboxBroker

    Okos = Callable[..., subprocess.CompletedProcess[str]]


def commands(url: str, namespace: str, directory: Path) -> Okos:
    """Make what runs a command in this directory to its end."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    environment = ours | {
        "OKOS_HOME": str(directory / "home"),
        "OKOS_REDIS_URL": url,
        "OKOS_NAMESPACE": namespace,
    }

    def run(
        *arguments: str, said: str | None = None, config: str = os.devnull, **set_too: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=environment | {"OKOS_CONFIG": config} | set_too,
            cwd=directory,
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
    """Have messages given up, each of a user of its own."""

    @dramatiq.actor(broker=broker, actor_name="text", queue_name="text")
    def fail(text: str) -> None:
        raise ValueError(f"cannot read {len(text)} characters")

    for number, text in enumerate(texts):
        send(broker, f"local:{number}", text)
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    broker.join("text", timeout=60_000)
    worker.stop()

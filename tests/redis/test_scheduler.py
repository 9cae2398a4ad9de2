"""The maintenance messages that the scheduler sends."""

import socket
from pathlib import Path

import pytest

from okos.mailbox import MailboxBroker
from okos.scheduler import NoServer, run_scheduler, send
from okos.settings import Settings


def test_a_maintenance_message_waits_at_most_once(url: str, namespace: str) -> None:
    broker = MailboxBroker(url, namespace=namespace, middleware=[])

    for _ in range(3):
        send(broker, "sweep")
        send(broker, "prune")

    assert broker.stats().waiting == 2
    broker.flush_all()
    broker.close()


def test_a_server_that_is_away_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    broker = MailboxBroker(f"redis://127.0.0.1:{port}", middleware=[])

    send(broker, "sweep")

    broker.close()


def test_without_a_server_the_scheduler_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="start `okos up`, or set OKOS_REDIS_URL"):
        run_scheduler(Settings(home=tmp_path))

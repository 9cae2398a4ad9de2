"""What the tests of the engine share: workers as a project runs them, on the session's server or one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fleet import Fleet
from real_server import RealServer, a_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fleet(url: str, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    """Run workers on the server of the session."""
    fleet = Fleet(url, namespace, tmp_path)
    yield fleet
    fleet.stop()


@pytest.fixture
def server() -> Iterator[RealServer]:
    """Run a server of this test's own, with an append-only file: to be stopped, killed, or restarted."""
    with a_server(aof=True) as server:
        yield server


@pytest.fixture
def durable(server: RealServer, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    """Run workers on this test's own server."""
    fleet = Fleet(server.url, namespace, tmp_path)
    yield fleet
    fleet.stop()

"""Schedulers: none, or two."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import ROOT, Fleet
from real_server import eventually

from okos.child import reap, spawn

pytestmark = pytest.mark.usefixtures("two_schedulers")


@pytest.fixture
def two_schedulers(url: str, namespace: str, tmp_path: Path) -> Iterator[None]:
    environment = os.environ | {
        "OKOS_HOME": str(tmp_path),
        "OKOS_REDIS_URL": url,
        "OKOS_NAMESPACE": namespace,
        "OKOS_SCHEDULE__SWEEP_S": "1",
        "OKOS_SCHEDULE__PRUNE_S": "1",
    }
    with (tmp_path / "scheduler.log").open("wb") as log:
        children = [
            spawn([sys.executable, "-m", "okos", "scheduler"], output=log, environment=environment, directory=ROOT)
            for _ in range(2)
        ]
        yield
        for child in children:
            child.terminate()
            reap(child)


def test_two_schedulers_leave_one_message_of_each_kind_and_do_no_harm(fleet: Fleet) -> None:
    eventually(lambda: fleet.broker.stats().waiting >= 2)
    for number in range(10):
        fleet.send("work", "a", number, ms=20)

    fleet.start(threads=4)
    eventually(lambda: fleet.broker.stats().done >= 10)
    for name in ("sweep", "prune"):
        eventually(lambda name=name: fleet.broker.mailbox(f"maintenance:{name}").length == 0)  # type: ignore[misc]  # mypy cannot infer it

    assert fleet.broker.stats().done == 10  # housekeeping is not counted
    fleet.assert_each_ended_once_in_order(["a"], 10)
    assert fleet.broker.failed() == []
    for name in ("sweep", "prune"):
        assert fleet.broker.mailbox(f"maintenance:{name}").length <= 1

"""A server that stops, forgets, or drops its connections, while workers run."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import LEASE_MS, Fleet
from real_server import RealServer, a_server, eventually

from okos.mailbox import StoreUnavailable


@pytest.fixture
def fleet(url: str, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(url, namespace, tmp_path)
    yield fleet
    fleet.stop()


@pytest.fixture
def server() -> Iterator[RealServer]:
    with a_server(aof=True) as server:
        yield server


@pytest.fixture
def durable(server: RealServer, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(server.url, namespace, tmp_path)
    yield fleet
    fleet.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_outage_longer_than_the_lease_runs_nothing_twice_and_needs_no_restart(
    server: RealServer, durable: Fleet, how: str
) -> None:
    during, after = durable.gate("during"), durable.gate("after")
    worker = durable.start(threads=4)
    durable.send("wait", "a", 0, gate=str(during))
    durable.send("wait", "b", 0, gate=str(during), fails=1)
    durable.send("wait", "c", 0, gate=str(after))
    for user in "abc":
        durable.send("work", user, 1)
    began = durable.await_lines(3)[0].at_s

    server.stop() if how == "stop" else server.kill()
    during.touch()
    eventually(lambda: len([line for line in durable.lines() if line.what in {"end", "fail"}]) == 2)
    with pytest.raises(StoreUnavailable):
        durable.send("work", "d", 0)
    eventually(lambda: time.time() - began > 2 * LEASE_MS / 1000)
    server.start()
    durable.send("work", "d", 0)
    durable.await_lines(1, user="d", what="end")
    after.touch()
    durable.await_drained()

    whats = {user: [(line.number, line.what) for line in durable.lines(user=user)] for user in "abcd"}
    then = [(1, "start"), (1, "end")]
    assert whats["a"] == whats["c"] == [(0, "start"), (0, "end"), *then]
    assert whats["b"] == [(0, "start"), (0, "fail"), (0, "start"), (0, "end"), *then]
    assert sorted(durable.replies()) == sorted([(user, number) for user in "abc" for number in (0, 1)] + [("d", 0)])
    stats = durable.broker.stats()
    assert (stats.stalled, stats.died, stats.retried) == (0, 0, 1)
    assert worker.child.poll() is None


def test_a_server_that_forgets_its_scripts_under_load_loses_nothing(fleet: Fleet) -> None:
    users = [f"user {number}" for number in range(10)]
    fleet.start(threads=8)
    for number in range(20):
        for user in users:
            fleet.send("work", user, number, ms=2)
        fleet.broker.store.client.script_flush()

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(users, 20)


def test_connections_that_are_cut_again_and_again_lose_and_stick_nothing(fleet: Fleet) -> None:
    users = [f"user {number}" for number in range(10)]
    fleet.start(threads=8)
    for number in range(20):
        for user in users:
            fleet.send("work", user, number, ms=2)
        fleet.broker.store.client.client_kill_filter(_type="normal", skipme=True)

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(users, 20)
    assert fleet.broker.stats().stalled == 0

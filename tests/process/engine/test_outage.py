"""A server that stops, forgets, or drops its connections, while workers run."""

import signal
import threading
import time
from pathlib import Path

import pytest
from fleet import SHORT_LEASE_MS, Fleet
from real_server import RealServer, a_server, eventually
from redis import Redis
from redis.exceptions import RedisError

from okos.mailbox import StoreUnavailable


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_outage_longer_than_the_lease_runs_nothing_twice_and_needs_no_restart(
    server: RealServer, durable: Fleet, how: str
) -> None:
    during, after = durable.gate("during"), durable.gate("after")
    worker = durable.start(threads=4, lease_ms=SHORT_LEASE_MS)
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
    eventually(lambda: time.time() - began > 2 * SHORT_LEASE_MS / 1000)
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


def test_a_server_that_forgets_its_scripts_under_load_loses_nothing(fleet: Fleet, admin: Redis) -> None:
    users = [f"user {number}" for number in range(10)]
    fleet.start(threads=8)
    for number in range(20):
        for user in users:
            fleet.send("work", user, number, ms=2)
        admin.script_flush()

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(users, 20)


def test_connections_that_are_cut_again_and_again_lose_and_stick_nothing(fleet: Fleet, admin: Redis) -> None:
    users = [f"user {number}" for number in range(10)]
    fleet.start(threads=8)
    for number in range(20):
        for user in users:
            fleet.send("work", user, number, ms=2)
        admin.client_kill_filter(_type="normal", skipme=True)

    fleet.await_drained()

    fleet.assert_each_ended_once_in_order(users, 20)
    assert fleet.broker.stats().stalled == 0


def test_a_server_whose_memory_is_full_refuses_what_is_new_and_lets_all_else_end(
    server: RealServer, durable: Fleet
) -> None:
    gate = durable.gate()
    durable.start(threads=2)
    durable.send("wait", "a", 0, gate=str(gate))
    durable.send("wait", "b", 0, gate=str(gate), fails=1)
    for user in "ab":
        durable.send("work", user, 1)
    durable.await_lines(2)

    with Redis.from_url(server.admin_url) as operator:
        operator.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            durable.send("work", "c", 0)
        gate.touch()
        durable.await_lines(4, what="end")
        durable.await_drained()
        operator.config_set("maxmemory", 0)

    durable.send("work", "c", 0)
    durable.await_drained()
    assert sorted(durable.replies()) == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0)]


def test_a_server_that_freezes_in_a_publish_and_in_an_ack_has_one_of_each(server: RealServer, durable: Fleet) -> None:
    gate = durable.gate()
    durable.start(threads=2, lease_ms=SHORT_LEASE_MS)
    durable.send("wait", "a", 0, gate=str(gate))
    durable.await_lines(1)
    message = durable.message("work", "a", 1)
    outcomes: list[str] = []

    def publish_until_it_is_taken() -> None:
        while True:
            try:
                outcomes.append(durable.broker.enqueue(message).message_id)
            except StoreUnavailable:
                continue
            return

    server.send(signal.SIGSTOP)
    publisher = threading.Thread(target=publish_until_it_is_taken)
    publisher.start()
    gate.touch()
    durable.await_lines(1, what="end")
    frozen_at = time.monotonic()
    eventually(lambda: time.monotonic() - frozen_at > 2 * SHORT_LEASE_MS / 1000)
    server.send(signal.SIGCONT)
    publisher.join(60)

    durable.await_lines(2, what="end")
    durable.await_drained()
    assert outcomes == [message.message_id]
    assert [line.number for line in durable.lines(what="start")] == [0, 1]
    assert sorted(durable.replies()) == [("a", 0), ("a", 1)]
    stats = durable.broker.stats()
    assert (stats.accepted, stats.stalled) == (4, 0)


def test_a_server_that_is_still_loading_is_waited_for(namespace: str, tmp_path: Path) -> None:
    users = [f"user {number}" for number in range(50)]
    # Many seconds, unless somebody who has seen it makes it faster.
    slow = {"key-load-delay": "150000", "loading-process-events-interval-bytes": "1024"}
    with a_server(aof=True, options=slow) as server:
        fleet = Fleet(server.url, namespace, tmp_path)
        worker = fleet.start(threads=4)
        fleet.broker.pause()
        for number in range(4):
            for user in users:
                fleet.send("work", user, number)
        with Redis.from_url(server.admin_url) as operator:
            operator.bgrewriteaof()
            eventually(lambda: not operator.info("persistence")["aof_rewrite_in_progress"])
        server.kill()
        was_loading = threading.Event()
        watching = threading.Thread(target=_watch_loading, args=(server, was_loading))
        watching.start()
        server.start()  # on this thread: its child ends with the thread that started it
        watching.join()
        assert was_loading.is_set()
        fleet.await_server()
        fleet.broker.resume()

        fleet.await_drained()
        fleet.assert_each_ended_once_in_order(users, 4)
        assert worker.child.poll() is None
        fleet.stop()


def _watch_loading(server: RealServer, was_loading: threading.Event) -> None:
    def is_loading() -> bool:
        try:
            with Redis.from_url(server.admin_url) as client:
                if not client.info("persistence")["loading"]:
                    return False
                client.config_set("key-load-delay", 0)
                return True
        except (RedisError, OSError):
            return False

    eventually(is_loading)
    was_loading.set()

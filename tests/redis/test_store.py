"""The adapter: what the server's states and errors become."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mailboxes import End, Mailboxes
from real_server import RealServer, a_server, eventually
from redis import Redis

from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.shelf import Shelf
from okos.mailbox.store import ScriptFailed, Store


@pytest.fixture
def own_server() -> Iterator[RealServer]:
    with a_server() as server:
        yield server


def test_when_memory_is_full_publish_is_refused_and_everything_else_works(
    own_server: RealServer, namespace: str
) -> None:
    mailboxes = Mailboxes(own_server.url, namespace)
    for number in range(4):
        mailboxes.publish(f"m{number}", f"box {number}")
    first, second = mailboxes.claim_all(n=2).started
    mailboxes.admin.config_set("maxmemory", "1")

    with pytest.raises(StoreUnavailable, match="takes no writes now"):
        mailboxes.publish("m9")
    assert mailboxes.renew(first, second) == []
    assert mailboxes.settle_all(End(first.id, first.token), End(second.id, second.token, "dead")) == ["ok", "ok"]
    assert sorted(mailboxes.ids()) == ["m2", "m3"]
    assert mailboxes.sweep() == []
    assert mailboxes.stats().accepted == 4
    assert mailboxes.prune() == (0, 1)

    mailboxes.admin.config_set("maxmemory", "0")
    assert mailboxes.publish("m9") == "new"
    mailboxes.close()


def test_a_server_that_forgot_the_scripts_is_given_them_again(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.admin.script_flush()

    (claim, stats) = mailboxes.store.exchange(
        [
            ("claim", ["worker", 1, 1, 1000, 1000, "nonce", 1, 2, 1, "q"]),
            ("stats", []),
        ]
    )

    assert len(claim[2]) == 1
    assert stats[2] == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.call("stats"),
        lambda store: store.exchange([("stats", []), ("stats", [])]),
        lambda store: Shelf(store).write("name", b"value", ttl_ms=1000),
        lambda store: store.ring(store.key("bell:q").encode()),
        lambda store: store.listen(store.client, ["nobody"], 0.01),
    ],
    ids=["a transition", "several transitions", "a command", "a pipeline", "a wait"],
)
def test_a_server_that_became_a_replica_is_left_for_the_one_that_has_its_address(
    use: Callable[[Store], object], own_server: RealServer, url: str, namespace: str, tmp_path: Path
) -> None:
    address = tmp_path / "s"
    address.symlink_to(own_server.url.removeprefix("unix://"))
    store = Store(f"unix://{address}", namespace)
    use(store)

    with Redis.from_url(own_server.admin_url) as demoted:
        demoted.execute_command("REPLICAOF", "127.0.0.1", "1")
    address.unlink()
    address.symlink_to(url.removeprefix("unix://"))

    with pytest.raises(StoreUnavailable):
        use(store)
    use(store)
    store.close()


def test_a_wait_that_a_failover_ends_is_no_failure(own_server: RealServer, namespace: str) -> None:
    store = Store(own_server.url, namespace)
    came: list[BaseException] = []

    def wait() -> None:
        try:
            store.listen(store.client, ["nobody"], 30)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            came.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    with Redis.from_url(own_server.admin_url) as demoted:
        eventually(lambda: demoted.info("clients")["blocked_clients"] == 1)
        demoted.execute_command("REPLICAOF", "127.0.0.1", "1")
    waiting.join()

    assert [type(error) for error in came] == [StoreUnavailable]
    store.close()


def test_a_server_that_is_gone_is_unavailable(own_server: RealServer, namespace: str) -> None:
    store = Store(own_server.url, namespace)
    store.ping()
    own_server.stop()

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        store.ping()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        store.call("stats")
    store.close()


def test_a_publish_survives_a_restart_of_the_server_that_nobody_noticed(own_server: RealServer, namespace: str) -> None:
    mailboxes = Mailboxes(own_server.url, namespace)
    mailboxes.publish("m1")
    own_server.stop()
    own_server.start()
    mailboxes.advance(0)

    assert mailboxes.publish("m2") == "new"
    mailboxes.close()


@pytest.mark.parametrize(
    ("setting", "value", "back"),
    [("min-replicas-to-write", "1", "0")],
)
def test_a_server_that_takes_no_writes_now_is_unavailable_not_wrong(
    own_server: RealServer, namespace: str, setting: str, value: str, back: str
) -> None:
    mailboxes = Mailboxes(own_server.url, namespace)
    mailboxes.publish("m1")
    running = mailboxes.claim()
    mailboxes.admin.config_set(setting, value)

    with pytest.raises(StoreUnavailable):
        mailboxes.settle(running)
    with pytest.raises(StoreUnavailable):
        mailboxes.store.exchange([("stats", []), ("stats", [])])

    mailboxes.admin.config_set(setting, back)
    assert mailboxes.settle(running) == "ok"
    mailboxes.close()


def test_a_replica_is_unavailable_for_writing(own_server: RealServer, namespace: str) -> None:
    mailboxes = Mailboxes(own_server.url, namespace)
    mailboxes.publish("m1")
    running = mailboxes.claim()
    mailboxes.admin.replicaof("127.0.0.1", "1")

    with pytest.raises(StoreUnavailable):
        mailboxes.settle(running)

    mailboxes.admin.replicaof("NO", "ONE")
    assert mailboxes.settle(running) == "ok"
    mailboxes.close()


def test_a_script_that_fails_says_so_and_the_others_of_the_round_trip_run(mailboxes: Mailboxes) -> None:
    failed, stats = mailboxes.store.exchange([("settle", []), ("stats", [])])

    assert isinstance(failed, ScriptFailed)
    assert stats[2] == 0


def test_emptying_a_namespace_leaves_the_others_alone(open_mailboxes: Callable[..., Mailboxes], url: str) -> None:
    mine = open_mailboxes()
    other = Mailboxes(url, mine.store.prefix[1:-2] + "*")
    mine.publish("m1")
    other.publish("m1")

    other.store.delete_all()

    assert mine.ids() == ["m1"]
    assert not other.store.client.exists(other.store.key("engine"))
    other.close()


def test_scripts_that_are_forgotten_again_and_again_are_a_passing_trouble(mailboxes: Mailboxes) -> None:
    done = threading.Event()

    def forget() -> None:
        while not done.is_set():
            mailboxes.admin.script_flush()

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    try:
        for number in range(100):
            with suppress(StoreUnavailable):
                mailboxes.publish(f"m{number}", f"box {number}")
            with suppress(StoreUnavailable):
                for one in mailboxes.claim_all().started:
                    mailboxes.settle(one)
    finally:
        done.set()
        forgetting.join()

    assert mailboxes.publish("after") == "new"

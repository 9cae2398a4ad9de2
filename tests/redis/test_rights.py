"""What Okos may do on its server is what it does there, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from play import Play, a_broker
from real_server import a_server
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from okos.mailbox import MailboxBroker, Severity
from okos.server import check_server
from okos.server.acl import COMMANDS, WATCHER, WATCHING, NoUser, login_of, okos_user, users_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real_server import RealServer

SCRIPTS = Path(__file__).parents[2] / "okos" / "mailbox" / "lua"
URL = "redis://okos:p%2Fss%20w%C3%B6rd@example.test:6379/0"
#: What only an address with a database's number asks for.
NOT_PLAYED = {"select"}
#: What no message needs, and what would do harm: one command of each kind.
REFUSED = [
    *(
        "ACL LIST",
        "ACL SETUSER okos +@all",
        "ACL WHOAMI",
        "BGREWRITEAOF",
        "BGSAVE",
        "CLIENT KILL TYPE normal",
        "CLIENT LIST",
    ),
    *(
        "CLIENT PAUSE 1000",
        "CLUSTER RESET",
        "CONFIG GET *",
        "CONFIG SET maxmemory 1",
        "CONFIG REWRITE",
        "CONFIG RESETSTAT",
    ),
    *("DBSIZE", "DEBUG SLEEP 0", "DEBUG SEGFAULT", "DUMP {okos}:engine", "EVAL 'return 1' 0", "FAILOVER", "FCALL f 0"),
    *("FLUSHALL", "FLUSHDB", "FUNCTION FLUSH", "FUNCTION LOAD x", "KEYS *", "LATENCY RESET", "MEMORY PURGE", "MONITOR"),
    *(
        "MIGRATE 127.0.0.1 1 {okos}:x 0 1",
        "MODULE LIST",
        "MOVE {okos}:engine 1",
        "OBJECT FREQ {okos}:engine",
        "PSUBSCRIBE *",
    ),
    *("PSYNC ? -1", "PUBSUB CHANNELS", "RANDOMKEY", "REPLICAOF NO ONE", "RESTORE {okos}:x 0 x", "SAVE", "SCRIPT FLUSH"),
    *(
        "SCRIPT KILL",
        "SHUTDOWN NOSAVE",
        "SLAVEOF NO ONE",
        "SLOWLOG GET",
        "SORT {okos}:x",
        "SUBSCRIBE news",
        "SWAPDB 0 1",
    ),
    *(
        "GET other",
        "SET other x",
        "GET {other}:engine",
        "DEL {okos}:engine other",
        "RENAME {okos}:x {other}:x",
        "PUBLISH news x",
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    """Run a server on which Okos has its own user, and nobody has more by default."""
    with a_server(users=users_file(URL, namespace="okos", watcher="watching")) as server:
        yield server


@pytest.fixture
def admin(server: RealServer) -> Iterator[Redis]:
    with Redis.from_url(server.admin_url) as client:
        yield client


def address(server: RealServer, user: str = "okos:p%2Fss%20w%C3%B6rd") -> str:
    return server.url.replace("unix://", f"unix://{user}@")


def commands_of_scripts() -> set[str]:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.lua"))
    calls = re.findall(r"redis\.p?call\((.)", source)
    named = re.findall(r"redis\.p?call\('([A-Z]+)'", source)
    assert len(calls) == len(named), "a script calls a command by another name than one that stands there"
    return {name.lower() for name in named}


def counted(admin: Redis) -> set[str]:
    """Name the commands that were run since the last reset, by a client or in a script."""
    return {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}


def test_every_command_of_a_script_is_allowed() -> None:
    assert commands_of_scripts() - set(COMMANDS) == set()


def test_no_command_is_allowed_that_is_not_needed_and_none_is_denied_that_is(server: RealServer, admin: Redis) -> None:
    admin.acl_log_reset()
    admin.config_resetstat()
    broker = a_broker(address(server))

    broker.ping()
    Play(broker).run()
    broker.check()
    broker.flush_all()
    broker.close()

    used = counted(admin)
    denied = [(one["object"], one["username"]) for one in admin.acl_log()]
    assert set(COMMANDS) - commands_of_scripts() - used == NOT_PLAYED
    assert denied == [("config|get", "okos")] * bool(denied)


@pytest.mark.parametrize("words", REFUSED)
def test_what_would_do_harm_is_refused(server: RealServer, words: str) -> None:
    with Redis.from_url(address(server), driver_info=None) as client, pytest.raises(NoPermissionError):
        client.execute_command(*words.split(" "))


@pytest.mark.parametrize("call", ["'FLUSHALL'", "'KEYS', '*'", "'GET', 'other'"])
def test_a_script_may_do_no_more_than_who_calls_it(server: RealServer, call: str) -> None:
    with Redis.from_url(address(server), driver_info=None) as client:
        digest = client.script_load(f"return redis.call({call})")
        with pytest.raises(ResponseError, match=r"ACL failure|No permissions|can't access"):
            client.evalsha(digest, 0)


def test_who_does_not_say_who_he_is_may_ask_whether_it_answers(server: RealServer) -> None:
    with Redis.from_url(server.url, driver_info=None) as client:
        assert client.ping()
        with pytest.raises(NoPermissionError):
            client.info()


def test_a_watcher_sees_how_the_server_is_and_nothing_of_what_is_in_it(server: RealServer) -> None:
    with Redis.from_url(address(server, f"{WATCHER}:watching"), driver_info=None) as client:
        assert client.info("memory")["used_memory"] > 0
        for refused in (lambda: client.get("{okos}:engine"), client.slowlog_get, client.scan):
            with pytest.raises(NoPermissionError):
                refused()


def test_a_wrong_password_is_refused(server: RealServer) -> None:
    with Redis.from_url(address(server, "okos:watching")) as client, pytest.raises(AuthenticationError):
        client.ping()


def test_what_the_check_may_not_ask_is_told_in_a_line_and_stops_nobody(server: RealServer, admin: Redis) -> None:
    admin.config_set("appendonly", "yes")
    blind = okos_user("blind", "p", namespace="okos").replace("+info ", "").split()[1:]
    admin.execute_command("ACL", "SETUSER", *blind)  # type: ignore[no-untyped-call]  # redis-py's

    with_info = MailboxBroker(address(server), middleware=[])
    without = MailboxBroker(address(server, "blind:p"), middleware=[])
    (unseen,) = with_info.check()
    (unknown,) = without.check()
    facts = check_server(address(server, "blind:p"))
    for broker in (with_info, without):
        broker.close()
    admin.config_set("appendonly", "no")

    assert (unseen.severity, unseen.name) == (Severity.UNSEEN, "persistence")
    assert "add +config|get" in unseen.text
    assert (unknown.severity, unknown.name) == (Severity.UNSEEN, "server")
    assert "does not let this user run INFO" in unknown.text
    assert facts.version >= (7, 0)


def test_a_password_is_in_the_file_as_its_hash_alone() -> None:
    text = users_file(URL, namespace="okos", watcher="watching")

    assert "wörd" not in text
    assert "watching" not in text
    assert [line.split()[1] for line in text.splitlines()] == ["default", "okos", WATCHER]


def test_a_server_with_a_mere_password_has_one_user() -> None:
    text = users_file("redis://:secret@h", namespace="mine")

    assert text.startswith("user default reset on #")
    assert "~{mine}:* &{mine}:*" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("url", [None, "redis://h", "redis://okos@h", "redis://a%20b:secret@h"])
def test_an_address_without_a_user_or_a_password_makes_no_file(url: str | None) -> None:
    with pytest.raises(NoUser) as caught:
        login_of(url)

    assert "secret" not in str(caught.value)


def test_the_page_names_what_is_allowed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    table = page.partition("| for | commands |")[2].partition("\n\n")[0].replace("\\|", "|")

    assert sorted(re.findall(r"`([a-z|]+)`", table)) == sorted(COMMANDS)
    assert all(f"`{command}`" in page for command in WATCHING)

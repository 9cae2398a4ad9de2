"""The process of the web: where it listens, what it prints, and what it does when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from real_server import eventually

from okos.web.chat import MOST_LISTENERS
from okos.web.serve import TOKEN_FILE, kept_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Run:
    """An `okos` command with its output in a file."""

    def __init__(self, directory: Path, url: str, *arguments: str, **settings: str) -> None:
        self.home = directory / "home"
        self._log = directory / "log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "okos", *arguments],
                env=environment
                | {"OKOS_HOME": str(self.home), "OKOS_CONFIG": os.devnull, "OKOS_REDIS_URL": url, "OKOS_WEB__PORT": "0"}
                | {"PYTHONUNBUFFERED": "1"}
                | settings,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return self._log.read_text()

    def address(self) -> str:
        """Wait for the line that tells where it is."""
        eventually(lambda: "The dashboard is at " in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()
        return self.said().split("The dashboard is at ")[1].split()[0]

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(60)


@pytest.fixture
def run(tmp_path: Path, url: str) -> Iterator[Callable[..., Run]]:
    """Run a command until the test is over."""
    started: list[Run] = []

    def start(*arguments: str, **settings: str) -> Run:
        started.append(Run(tmp_path, url, *arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def taken() -> Iterator[int]:
    """Hold a port that is somebody else's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def status(address: str) -> int:
    try:
        with urlopen(Request(address, headers={"accept": "text/html"})) as answer:  # noqa: S310 - our own
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_it_makes_a_token_keeps_it_and_prints_the_address_that_logs_in(run: Callable[..., Run]) -> None:
    web = run("web")

    address, _, token = web.address().partition("login#")
    kept = web.home / TOKEN_FILE

    assert kept.read_text() == token
    assert kept.stat().st_mode & 0o777 == 0o600
    assert status(f"{address}health") == 200
    assert web.stop() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_while_a_page_looks(run: Callable[..., Run], signum: signal.Signals) -> None:
    web = run("web")
    host, port = web.address().removeprefix("http://").partition("/")[0].split(":")

    with socket.create_connection((host, int(port))) as looking:
        looking.sendall(b"GET /health HTTP/1.1\r\nhost: okos\r\n\r\n")
        assert looking.recv(100).startswith(b"HTTP/1.1 200")
        assert web.stop(signum) == 0


def test_a_token_of_the_settings_is_not_printed(run: Callable[..., Run]) -> None:
    given = "of-the-settings-itself"
    web = run("web", OKOS_WEB__OPERATOR_TOKEN=given)

    web.address()

    assert given not in web.said()
    assert not (web.home / TOKEN_FILE).exists()


def test_a_port_that_is_taken_is_one_line(run: Callable[..., Run], taken: int) -> None:
    web = run("web", OKOS_WEB__PORT=str(taken))

    assert web.process.wait(60) == 1
    assert web.said().splitlines()[-1] == (
        f"okos: port {taken} of 127.0.0.1 is taken; set OKOS_WEB__PORT to another, or OKOS_WEB__ENABLED=false"
    )


def test_an_address_that_is_not_here_is_one_line(run: Callable[..., Run]) -> None:
    web = run("web", OKOS_WEB__HOST="192.0.2.1")

    assert web.process.wait(60) == 1
    assert web.said().startswith("okos: cannot listen on 192.0.2.1")


def test_okos_up_serves_the_web_and_goes_on_without_when_its_port_is_taken(run: Callable[..., Run], taken: int) -> None:
    up = run("up", OKOS_WEB__PORT=str(taken), OKOS_CONCURRENCY="2", OKOS_WORKER_PROCESSES="1")

    eventually(lambda: "Okos is ready." in up.said() and "its port is taken" in up.said())
    assert up.stop() == 0

    again = run("up", OKOS_CONCURRENCY="2", OKOS_WORKER_PROCESSES="1")
    assert status(again.address().partition("login#")[0] + "health") == 200
    assert again.stop() == 0


def test_a_page_that_listens_again_and_again_is_refused_in_the_end(run: Callable[..., Run]) -> None:
    web = run("web")
    there = web.address().partition("login#")[0]
    token = urlencode({"token": (web.home / TOKEN_FILE).read_text()})
    host, port = urlsplit(there).netloc.split(":")

    with ExitStack() as stack:

        def ask(request: str) -> str:
            connection = stack.enter_context(socket.create_connection((host, int(port))))
            connection.sendall(request.encode())
            return connection.recv(4096).decode()

        entered = ask(f"POST /login HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(token)}\r\n\r\n{token}")
        cookie = entered.split("set-cookie: ")[1].split(";")[0]
        listen = f"GET /chat/stream?page={'0' * 16} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n"
        answers = [ask(listen).split()[1] for _ in range(MOST_LISTENERS + 1)]
        looked = ask(f"GET /users HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n").split()[1]

    assert answers == ["200"] * MOST_LISTENERS + ["503"]
    assert looked == "200"
    assert web.stop() == 0


def test_what_looks_on_ends_with_its_session(run: Callable[..., Run]) -> None:
    web = run("web")
    there = web.address().partition("login#")[0]
    token = urlencode({"token": (web.home / TOKEN_FILE).read_text()})
    host, port = urlsplit(there).netloc.split(":")

    with ExitStack() as stack:

        def ask(request: str) -> socket.socket:
            connection = stack.enter_context(socket.create_connection((host, int(port)), 60))
            connection.sendall(request.encode())
            return connection

        entered = (
            ask(f"POST /login HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(token)}\r\n\r\n{token}")
            .recv(4096)
            .decode()
        )
        mine = f"host: {host}\r\ncookie: {entered.split('set-cookie: ')[1].split(';')[0]}\r\nconnection: close\r\n"
        page = b"".join(iter(partial(ask(f"GET /users HTTP/1.1\r\n{mine}\r\n").recv, 4096), b"")).decode()
        csrf = page.split('data-csrf="')[1].split('"')[0]
        streams = [ask(f"GET {path} HTTP/1.1\r\n{mine}\r\n") for path in ("/live", f"/chat/stream?page={'0' * 16}")]
        begun = [stream.recv(4096).split()[1] for stream in streams]

        ask(f"POST /logout HTTP/1.1\r\n{mine}content-length: 0\r\nx-csrf-token: {csrf}\r\n\r\n").recv(4096)

        assert begun == [b"200", b"200"]
        for stream in streams:  # they are read to their end, which their timeout waits for
            assert b"".join(iter(partial(stream.recv, 4096), b"")).endswith(b"0\r\n\r\n")
    assert web.stop() == 0


def test_headers_without_end_are_refused(run: Callable[..., Run]) -> None:
    web = run("web")
    host, port = urlsplit(web.address()).netloc.split(":")

    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: okos\r\n")
        with suppress(ConnectionError):  # it is hung up on, while it still talks
            for _ in range(200):
                connection.sendall(b"x: " + b"x" * 1000 + b"\r\n")
        with suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.1 400")

    assert status(web.address().partition("login#")[0] + "health") == 200
    assert web.stop() == 0


def test_two_who_make_a_token_agree_on_it(tmp_path: Path) -> None:
    assert kept_token(tmp_path / TOKEN_FILE) == kept_token(tmp_path / TOKEN_FILE)
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]

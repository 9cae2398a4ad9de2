"""What all tests share: one real server a session, a namespace a test, and waiting for a condition."""

import secrets
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from mailboxes import Mailboxes
from real_server import RealServer, a_server, eventually
from redis import Redis

# How long an example takes says how busy the machine is.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


def pytest_configure() -> None:
    """Let Ctrl-C mean something in what the tests start, also when they run in the background of a shell.

    A shell has such commands ignore it, and everything that they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show by its bytes what a test printed that is no text: a report goes from process to process as text."""
    report = yield
    report.sections = [(name, _as_text(content)) for name, content in report.sections]
    return report


def _as_text(content: str) -> str:
    return content.encode("utf-8", "backslashreplace").decode()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for another process: until the condition holds, or fail after a time that is never needed."""
    return eventually


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RealServer]:
    """Run the server of this session. Tests that stop it, fill it or change its settings start one of their own."""
    with a_server() as server:
        yield server


@pytest.fixture
def url(shared_server: RealServer) -> str:
    """Return the address of a server that answers."""
    return shared_server.url


@pytest.fixture
def admin(shared_server: RealServer) -> Iterator[Redis]:
    """Connect to that server as its admin, for what Okos may not do."""
    with Redis.from_url(shared_server.admin_url) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    """Return a namespace that nobody else uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def open_mailboxes(url: str, namespace: str) -> Iterator[Callable[..., Mailboxes]]:
    """Open mailboxes with a window and a rate; when the test is over they drain, and nothing may be left."""
    opened: list[Mailboxes] = []

    def open_them(**policy: float) -> Mailboxes:
        opened.append(Mailboxes(url, namespace, **policy))  # type: ignore[arg-type]  # whole numbers where they must be
        return opened[-1]

    yield open_them
    for mailboxes in opened:
        mailboxes.drain()
        mailboxes.assert_nothing_is_left()
        mailboxes.close()


@pytest.fixture
def mailboxes(open_mailboxes: Callable[..., Mailboxes]) -> Mailboxes:
    """Open mailboxes with strict order and no rate limit."""
    return open_mailboxes()


@pytest.fixture
def old_server() -> Iterator[str]:
    """Answer as Redis 6.2 would: a double of what cannot be installed here."""
    info = b"redis_version:6.2.14\r\nprocess_id:1\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while received := connection.recv(4096):
                    for line in received.upper().split(b"\r\n"):
                        if line in {b"PING", b"INFO", b"CLIENT", b"HELLO"}:
                            connection.sendall(
                                {
                                    b"PING": b"+PONG\r\n",
                                    b"INFO": b"$%d\r\n%s\r\n" % (len(info), info),
                                    b"HELLO": b"-ERR unknown command\r\n",
                                }.get(line, b"+OK\r\n")
                            )

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}?protocol=2"
        thread.join(5)

"""Servers that are not the bundled one as it comes: with TLS, with users, in a cluster. Every feature works on them."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dramatiq
import pytest
from play import Play, a_broker
from real_server import a_server, eventually
from redis import Redis

from okos.mailbox import MailboxBroker, StoreTooOld, StoreUnavailable
from okos.server import as_admin
from okos.server.acl import okos_user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "p/ss wörd"  # noqa: S105 - of a server that ends with the test
QUOTED = "p%2Fss%20w%C3%B6rd"


@pytest.fixture
def secured(url: str, admin: Redis, namespace: str) -> Iterator[str]:
    """Make a user as `okos acl` does; returns his address."""
    line = okos_user("okos", PASSWORD, namespace=namespace)
    admin.execute_command("ACL", "SETUSER", *line.split(" ")[1:])  # type: ignore[no-untyped-call]  # redis-py's
    yield url.replace("unix://", f"unix://okos:{QUOTED}@")
    admin.acl_deluser("okos")


class TlsDoor:
    """A door with TLS in front of a server's Unix socket, as services have it: each connection is passed on."""

    def __init__(self, certificate: Path, key: Path, behind: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            outside = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            return  # a client that does not trust us
        inside = socket.socket(socket.AF_UNIX)
        inside.connect(self._behind)
        threading.Thread(target=_pass_on, args=(inside, outside), daemon=True).start()
        _pass_on(outside, inside)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while received := source.recv(65536):
            sink.sendall(received)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that vouches for itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    files = ["subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def door(authority: tuple[Path, Path], url: str) -> Iterator[TlsDoor]:
    door = TlsDoor(*authority, behind=urlsplit(url).path)
    yield door
    door.close()


@contextmanager
def opened(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = a_broker(url, namespace)
    try:
        yield broker
        broker.flush_all()
    finally:
        broker.close()


def test_everything_works_for_a_user_with_a_password(secured: str, namespace: str) -> None:
    with opened(secured, namespace) as broker:
        Play(broker).run()
        assert broker.check() == [one for one in broker.check() if one.name == "persistence"]


def test_that_user_sees_no_other_namespace(secured: str) -> None:
    with opened(secured, "another") as broker:
        pass
    with pytest.raises(StoreUnavailable, match="No permissions"):
        broker.stats()


def test_a_wrong_password_is_told_without_the_password(secured: str, namespace: str) -> None:
    broker = MailboxBroker(secured.replace(QUOTED, "hunter2"), namespace=namespace)

    with pytest.raises(StoreUnavailable, match="invalid username-password") as caught:
        broker.ping()

    assert "hunter2" not in str(caught.value)
    broker.close()


def test_everything_works_over_tls_with_a_user_and_a_password(
    secured: str, door: TlsDoor, authority: tuple[Path, Path], namespace: str
) -> None:
    del secured
    url = f"rediss://okos:{QUOTED}@127.0.0.1:{door.port}/0?ssl_ca_certs={authority[0]}"

    with opened(url, namespace) as broker:
        Play(broker).run()


def test_a_certificate_that_nobody_vouches_for_is_refused(door: TlsDoor) -> None:
    broker = MailboxBroker(f"rediss://127.0.0.1:{door.port}/0")

    with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        broker.ping()

    broker.close()


def test_a_certificate_for_another_name_is_refused(door: TlsDoor, authority: tuple[Path, Path]) -> None:
    broker = MailboxBroker(f"rediss://localhost:{door.port}/0?ssl_ca_certs={authority[0]}")

    with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        broker.ping()

    broker.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Run a cluster of one node that holds every slot."""
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as another:
        port, bus_port = free.getsockname()[1], another.getsockname()[1]
    options = {"cluster-enabled": "yes", "port": str(port), "cluster-port": str(bus_port), "bind": "127.0.0.1"}
    with a_server(options=options) as server, Redis.from_url(server.admin_url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield server.url


def test_everything_works_in_a_cluster_and_all_keys_are_in_one_slot(cluster: str) -> None:
    with opened(cluster, "in a cluster") as broker, Redis.from_url(as_admin(cluster)) as client:
        Play(broker).run()
        keys = list(client.scan_iter())
        slots = {client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys}

        assert len(keys) > 5
        assert len(slots) == 1


def test_a_namespace_that_is_on_another_node_is_found_by_the_check_and_waited_for(cluster: str) -> None:
    with opened(cluster, "moved") as broker, Redis.from_url(as_admin(cluster)) as client:
        slot = client.execute_command("CLUSTER", "KEYSLOT", "{moved}:engine")
        client.execute_command("CLUSTER", "DELSLOTS", slot)

        (finding,) = [one for one in broker.check() if one.name == "cluster"]
        with pytest.raises(StoreUnavailable):
            broker.stats()

        client.execute_command("CLUSTER", "ADDSLOTS", slot)
        eventually(lambda: not [one for one in broker.check() if one.name == "cluster"])
        assert "does not serve this namespace" in finding.text


def test_a_worker_does_not_start_with_a_server_that_is_too_old(old_server: str) -> None:
    broker = MailboxBroker(old_server)

    with pytest.raises(StoreTooOld, match=r"Redis 6\.2\.14, and the scripts need 7\.0 or later"):
        dramatiq.Worker(broker).start()

    broker.close()

"""The image without Docker: what its Dockerfile installs, run by compose.yaml's own commands, and not as root."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from datacentre.core import BOT_TOKEN
from real_server import eventually
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from okos.server import find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
#: As whom the image runs; root of this machine becomes it, anybody else stays who they are.
USER = int(re.findall(r"(?m)^USER (\d+)", DOCKERFILE)[-1])
#: In the order in which compose starts them; they stop in the other.
STARTED = ["valkey", "worker", "scheduler", "web", "gateway"]


class Image:
    """A directory with what is in the image, where its paths lead to, and what runs of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ports = dict(zip(("valkey", "web", "datacentre"), free_ports(3), strict=True))
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("home", "srv", "users", "data", "log"):
            (root / name).mkdir()
        self._install()
        for name in ("actors", "config"):
            shutil.copytree(ROOT / name, root / "srv" / name, ignore=shutil.ignore_patterns("__pycache__"))
        self._make_secrets()

    def _install(self) -> None:
        """Do what the Dockerfile does, but take the dependencies from where the tests have them."""
        wheels, home = str(self.root / "wheels"), self.root / "okos"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, str(ROOT)]
        subprocess.run(built, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
        (wheel,) = Path(wheels).glob("*.whl")
        python = home / "bin" / "python"
        installed = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
        subprocess.run(installed, check=True)
        (packages,) = home.glob("lib/python*/site-packages")
        (ours,) = {path for path in map(Path, sys.path) if path.name == "site-packages" and (path / "redis").is_dir()}
        (packages / "dependencies.pth").write_text(f"{ours}\n")
        script = Path(sys.executable).with_name("dramatiq").read_text(encoding="utf-8")
        (home / "bin" / "dramatiq").write_text(re.sub(r"\A#!.*", f"#!{python}", script))
        (home / "bin" / "dramatiq").chmod(0o755)

    def _make_secrets(self) -> None:
        secrets = self.root / "secrets"
        subprocess.run(["make", "-s", "secrets", f"SECRETS={secrets}"], cwd=ROOT, check=True, capture_output=True)
        secrets.chmod(0o755)  # a container is given the files, one by one
        made = (secrets / "redis_url").read_text()
        (secrets / "redis_url").write_text(made.replace("@valkey:6379", f"@127.0.0.1:{self.ports['valkey']}"))
        (secrets / "bot_token").write_text(BOT_TOKEN)
        (secrets / "api_hash").write_text("0" * 32)

    # -- as compose would ---------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a service with its command and its environment, to go on."""
        with (self.root / "log" / name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.command(COMPOSE["services"][name]["command"]),
                env=self.environment(name),
                cwd=self.root / "srv",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, name: str, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a service to its end, as `docker compose exec` and health checks do."""
        return subprocess.run(
            self.command(words),
            env=self.environment(name),
            cwd=self.root / "srv",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def is_well(self, name: str) -> bool:
        """Run the health check of a service."""
        assert self.running[name].poll() is None, self.said(name)
        words = COMPOSE["services"][name]["healthcheck"]["test"][1:]
        if name == "valkey":  # its client is in its own image
            try:
                with Redis(port=self.ports["valkey"], driver_info=None) as client:
                    return bool(client.execute_command(*words[-1:]))
            except RedisError:
                return False
        return self.run(name, words).returncode == 0

    def stop(self, name: str) -> int:
        """Stop a service as `docker stop` does, in the time that it has; returns its status."""
        self.running[name].send_signal(signal.SIGTERM)
        return self.running[name].wait(int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) + 30)

    def said(self, name: str) -> str:
        return (self.root / "log" / name).read_text(errors="replace")

    def command(self, words: list[str]) -> list[str]:
        """Name the program of a command, with this directory's paths."""
        if words[0] != "valkey-server":
            return [*somebody(), str(self.root / "okos" / "bin" / words[0]), *map(self.here, words[1:])]
        places = ["--port", str(self.ports["valkey"]), "--bind", "127.0.0.1", "--dir", str(self.root / "data")]
        return [*somebody(), str(find_binary()), *map(self.here, words[1:]), *places]

    def environment(self, name: str) -> dict[str, str]:
        """Put together what the image and the service set, and lead it to this machine."""
        image = " ".join(re.findall(r"(?m)^ENV ((?:.*\\\n)*.*)$", DOCKERFILE)).replace("\\\n", " ")
        found = dict(word.split("=", 1) for word in image.split()) | {
            key: str(value)
            for key, value in COMPOSE["services"][name].get("environment", {}).items()
            if value is not None
        }
        found |= {"OKOS_WEB__PORT": str(self.ports["web"])}
        if name == "gateway":
            found |= {
                "OKOS_TELEGRAM__API_ID": "1",
                "OKOS_TELEGRAM__DC_ADDRESS": f"127.0.0.1:{self.ports['datacentre']}",
                "OKOS_TELEGRAM__DC_PUBLIC_KEY": str(TESTS / "datacentre" / "public_key.pem"),
            }
        return {key: self.here(value) for key, value in found.items()}

    def here(self, text: str) -> str:
        """Lead a path of the container, and an address, to this directory and to loopback."""
        text = text.replace("/opt/okos/bin:$PATH", f"{self.root}/okos/bin:{os.environ['PATH']}")
        for theirs, ours in {
            "/run/secrets": "secrets",
            "/srv/valkey": "users",
            "/var/lib/okos": "home",
        }.items():
            text = text.replace(theirs, str(self.root / ours))
        return text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - replaced, not bound

    def give_away(self) -> None:
        """Give what may be written to the user; all else stays another's, as in an image that is read-only."""
        self.root.chmod(0o755)
        if os.getuid() == 0:
            for name in ("home", "users", "data"):
                os.chown(self.root / name, USER, USER)


def somebody() -> list[str]:
    """Say what a command is begun with to run as the image's user; nothing where we are not root ourselves.

    Of root's rights one is left, to read: the Python and the packages of the tests may be in root's home.
    """
    if os.getuid() != 0:
        return []
    reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    return ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", *reading, "--"]


def free_ports(count: int) -> list[int]:
    """Find ports below those that the system gives to whoever asks for any: nobody takes them before they are used."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(max(1024, first - 12_000), first)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports = [*(one for one in ports if one != port), port]
    return ports


pytestmark = pytest.mark.skipif(os.getuid() == 0 and shutil.which("setpriv") is None, reason="root stays root here")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="okos-image-", dir="/tmp") as directory:
        image = Image(Path(directory))
        image.give_away()
        seen = image.run("worker", ["python", "-c", "import okos, redis; print(okos.__file__)"])
        assert seen.stdout.startswith(directory), seen.stderr
        try:
            yield image
        finally:
            for process in image.running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)


@pytest.fixture(scope="module")
def datacentre(image: Image) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-m", "datacentre", "--port", str(image.ports["datacentre"])],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        yield
        process.terminate()


@pytest.fixture(scope="module")
def up(image: Image, datacentre: None) -> Image:
    """Do what `docker compose --profile telegram up` does: one after the other, each when the one before is well."""
    del datacentre
    written = image.run("users", COMPOSE["services"]["users"]["command"])
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    for name in STARTED:
        image.start(name)
        if name == "valkey":
            eventually(lambda: image.is_well("valkey"))
    return image


def test_every_service_becomes_well_by_its_own_check(up: Image) -> None:
    for name in STARTED:
        eventually(lambda name=name: up.is_well(name))  # type: ignore[misc]  # mypy does not see the default


def test_nothing_of_it_runs_as_root_or_has_written_where_it_should_not(up: Image) -> None:
    listed = subprocess.run(["ps", "-eo", "sess=,uid="], capture_output=True, text=True, check=True).stdout
    sessions = {process.pid for process in up.running.values()}
    owners = {int(owner) for session, owner in map(str.split, listed.splitlines()) if int(session) in sessions}

    assert 0 not in owners
    assert not list((up.root / "okos").rglob("__pycache__/okos*"))


def test_a_message_is_answered_and_the_figures_are_there(up: Image) -> None:
    asked = up.run("worker", ["okos", "ask", "Hello"])
    told = up.run(
        "web", ["python", "-c", f"import urllib.request as r; print(r.urlopen('{metrics(up)}').read().decode())"]
    )

    assert (asked.returncode, "Hello" in asked.stdout) == (0, True), asked.stderr
    assert "okos_gateway_up 1" in told.stdout
    assert "okos_workers 1" in told.stdout


def metrics(up: Image) -> str:
    return f"http://127.0.0.1:{up.ports['web']}/metrics"


def test_the_store_lets_nobody_in_but_who_has_the_secret(up: Image) -> None:
    with Redis(port=up.ports["valkey"]) as anybody, pytest.raises(NoPermissionError):
        anybody.get("{okos}:engine")
    for line in (up.root / "users" / "users.acl").read_text().splitlines():
        assert (up.root / "secrets" / "redis_url").read_text().split(":")[2].split("@")[0] not in line


def test_a_health_check_fails_where_a_part_is_not(up: Image) -> None:
    missing = up.run("scheduler", ["okos", "health", "gateway"])

    assert missing.returncode == 3
    assert missing.stdout == "no bot is set: OKOS_TELEGRAM__BOT_TOKEN is empty\n"


def test_no_secret_is_in_a_log(up: Image) -> None:
    secrets = {path.read_text() for path in (up.root / "secrets").iterdir()} - {""}

    for name in STARTED:
        assert not [secret for secret in secrets if secret in up.said(name)]


def test_one_sigterm_stops_each_of_them_cleanly_the_store_last(up: Image) -> None:
    statuses = {name: up.stop(name) for name in reversed(STARTED)}

    assert statuses == dict.fromkeys(STARTED, 0), json.dumps({name: up.said(name)[-500:] for name in STARTED})

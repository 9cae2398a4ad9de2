"""The units of docker/systemd: that systemd understands them, and that what they start exists."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from okos.cli import app
from okos.server import Server
from okos.settings import Settings
from okos.up.crew import gateway_child, scheduler_child, server_child, web_child, worker_children

UNITS = Path(__file__).parents[2] / "docker" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
INSTALLED = "/opt/okos/bin/"


def settings_of(unit: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found[name].append(value)
    return found


def test_there_is_a_unit_for_every_part_and_one_for_all() -> None:
    assert [unit.name for unit in SERVICES] == [
        "okos-gateway.service",
        "okos-scheduler.service",
        "okos-web.service",
        "okos-worker@.service",
        "okos.service",
    ]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_what_exists(unit: Path) -> None:
    (command,) = settings_of(unit)["ExecStart"]
    program, *words = command.removeprefix(INSTALLED).split()

    assert command.startswith(INSTALLED)
    if program == "dramatiq":
        assert importlib.util.find_spec(words[0])
        assert words[1:3] == ["--processes", "1"]
    else:
        assert program == "okos"
        assert words[0] in {known.name for known in app.registered_commands}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_one_signal_reaches_one_process_which_has_the_time_that_it_needs(unit: Path) -> None:
    found = settings_of(unit)
    works = "up" in found["ExecStart"][0] or "dramatiq" in found["ExecStart"][0]

    assert (found["KillMode"], found["Type"], found["Restart"]) == (["mixed"], ["exec"], ["always"])
    assert "KillSignal" not in found
    assert int(found["TimeoutStopSec"][0]) * 1000 > (Settings().shutdown_grace_ms if works else 0)


def test_all_of_okos_has_the_time_that_its_parts_have_one_after_the_other() -> None:
    settings = Settings()
    server = Server(url="redis://127.0.0.1:1/0", start_again=lambda: subprocess.Popen(["true"]))
    stages = [scheduler_child, gateway_child, web_child]
    graces_ms = [child(settings, output=None).grace_ms for child in stages] + [server_child(server).grace_ms]
    graces_ms.append(max(child.grace_ms for child in worker_children(settings, output=None)))

    (stop_s,) = settings_of(UNITS / "okos.service")["TimeoutStopSec"]

    assert int(stop_s) * 1000 > sum(graces_ms)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_has_the_least_rights(unit: Path) -> None:
    found = settings_of(unit)

    assert found["User"] == ["okos"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["StateDirectory"] == ["okos"]
    assert found["CapabilityBoundingSet"] == [""]
    assert "OKOS_HOME=/var/lib/okos" in found["Environment"][0].split()


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_secret_is_handed_out_as_a_file(unit: Path) -> None:
    found = settings_of(unit)
    loaded = {name for name, _, _ in (value.partition(":") for value in found["LoadCredential"])}
    read = re.findall(r"OKOS_\w+_FILE=%d/(\w+)", " ".join(found["Environment"]))

    assert sorted(read) == sorted(loaded)
    assert not re.findall(r"(TOKEN|KEY|HASH|URL)=", " ".join(found["Environment"]))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    here = Path(sys.executable).parent
    for unit in UNITS.iterdir():
        text = unit.read_text(encoding="utf-8").replace(INSTALLED, f"{here}/").replace("User=okos", "User=daemon")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name.replace("@.", "@1.") for unit in SERVICES)],
        capture_output=True,
        text=True,
        check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )

    ours = [line for line in verified.stderr.splitlines() if str(tmp_path) in line]
    assert (verified.returncode, ours) == (0, [])

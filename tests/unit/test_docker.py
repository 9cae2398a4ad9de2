import argparse
import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
import yaml
from dramatiq.cli import make_argument_parser
from pydantic import BaseModel

from okos.cli import app
from okos.operate.parts import Part
from okos.server.acl import login_of
from okos.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
#: What stays up; the other one ends when it has done its work.
LASTING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}


def instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile as pairs of an instruction and its arguments, continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments_of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def images() -> list[str]:
    bases = [arguments.split()[0] for arguments in arguments_of("FROM")]
    return bases + [service["image"] for service in COMPOSE["services"].values()]


def commands() -> list[list[str]]:
    """Every command of the image, of a service, or of a health check of ours, as a list of words."""
    image = [json.loads(arguments) for arguments in arguments_of("CMD")]
    image += [json.loads(arguments.partition("CMD ")[2]) for arguments in arguments_of("HEALTHCHECK")]
    return (
        image
        + [SERVICES[name]["command"] for name in OURS]
        + [SERVICES[name]["healthcheck"]["test"][1:] for name in OURS if name in LASTING]
    )


def dramatiq_options(words: list[str]) -> argparse.Namespace:
    parser: argparse.ArgumentParser = make_argument_parser()  # type: ignore[no-untyped-call]  # dramatiq's is untyped
    return parser.parse_args(words)


@pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="hadolint has no wheel here")
def test_the_linter_has_nothing_to_say_about_the_dockerfile() -> None:
    linter = Path(sys.executable).with_name("hadolint")

    linted = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)

    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_image_does_not_run_as_root() -> None:
    final_stage = instructions()[max(i for i, (name, _) in enumerate(instructions()) if name == "FROM") :]

    users = [arguments for name, arguments in final_stage if name == "USER"]

    assert users
    assert int(users[-1]) > 0


def test_the_image_holds_what_was_installed_and_no_build_tools_of_its_own() -> None:
    assert len(arguments_of("FROM")) == 2
    assert any(arguments.startswith("--from=build ") for arguments in arguments_of("COPY"))


def test_what_is_copied_into_the_image_exists_and_is_not_ignored() -> None:
    sources = [
        source
        for arguments in arguments_of("COPY")
        if not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert sources
    assert all((ROOT / source).exists() and f"!{source}" in ignored for source in sources)


@pytest.mark.parametrize("image", images())
def test_an_image_has_a_version_and_a_plain_name(image: str) -> None:
    name, _, tag = image.partition(":")

    assert tag
    assert tag != "latest"
    assert "." not in name


@pytest.mark.parametrize("instruction", ["CMD", "ENTRYPOINT"])
def test_a_signal_reaches_the_process_and_not_a_shell(instruction: str) -> None:
    assert all(arguments.startswith("[") for arguments in arguments_of(instruction))
    assert all(isinstance(service.get("command", []), list) for service in SERVICES.values())


@pytest.mark.parametrize("service", LASTING.values(), ids=list(LASTING))
def test_a_health_check_runs_without_a_shell(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_is_one_that_exists(command: list[str]) -> None:
    program, *words = command

    if program == "dramatiq":
        assert importlib.util.find_spec(dramatiq_options(words).broker)
    else:
        assert program == "okos"
        assert words[0] in {command.name for command in app.registered_commands}
    if words[0] == "health":
        assert words[1] in get_args(Part)


def test_every_variable_is_a_setting() -> None:
    variables = {
        name.removesuffix("_FILE")
        for service in OURS
        for name in SERVICES[service].get("environment", {})
        if name.startswith("OKOS_")
    }
    variables |= {name for arguments in arguments_of("ENV") for name in re.findall(r"\b(OKOS_\w+)=", arguments)}

    assert variables
    assert {name for name in variables if not is_a_setting(name)} == set()


def is_a_setting(variable: str) -> bool:
    section: Any = Settings
    for part in variable.removeprefix("OKOS_").lower().split("__"):
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return False
        if part not in section.model_fields:
            return False
        section = section.model_fields[part].annotation
    return True


def test_the_worker_has_the_slots_of_the_settings_and_the_time_to_stop() -> None:
    worker = SERVICES["worker"]
    options = dramatiq_options(worker["command"][1:])

    assert options.processes == 1  # when one of several ends, Dramatiq stops the others
    assert options.threads == Settings().concurrency
    assert int(worker["stop_grace_period"].removesuffix("s")) * 1000 > Settings().shutdown_grace_ms


def test_the_store_keeps_what_it_accepted_and_stops_last() -> None:
    valkey = SERVICES["valkey"]
    options = dict(zip(valkey["command"][1::2], valkey["command"][2::2], strict=True))

    assert (options["--appendonly"], options["--appendfsync"]) == ("yes", "everysec")
    assert options["--maxmemory-policy"] == "noeviction"
    assert "valkey:/data" in valkey["volumes"]
    assert "ports" not in valkey
    assert all(
        SERVICES[name]["depends_on"]["valkey"]["condition"] == "service_healthy" for name in OURS if name in LASTING
    )


def test_nobody_may_do_more_in_the_store_than_the_file_says_that_is_written_first() -> None:
    users, valkey = SERVICES["users"], SERVICES["valkey"]
    file = valkey["command"][valkey["command"].index("--aclfile") + 1]

    assert users["command"] == ["okos", "acl", "--file", file]
    assert valkey["depends_on"]["users"]["condition"] == "service_completed_successfully"
    assert f"users:{Path(file).parent}" in users["volumes"]
    assert f"users:{Path(file).parent}:ro" in valkey["volumes"]
    assert any(f"/{Path(file).parent.name}" in arguments for arguments in arguments_of("RUN"))


@pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))
def test_a_container_has_no_right_that_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service.get("user", "valkey") == "valkey"


def test_no_init_passes_a_signal_to_a_whole_group_and_each_has_its_time_to_stop() -> None:
    assert all(service["init"] is False for service in SERVICES.values())
    assert all("stop_grace_period" in service for service in LASTING.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_secret_is_a_file_that_only_who_needs_it_is_given(name: str) -> None:
    service = SERVICES[name]
    given = set(service.get("secrets", []))
    read = {
        Path(value).name for value in service.get("environment", {}).values() if str(value).startswith("/run/secrets/")
    }

    assert given == read
    assert given <= set(COMPOSE["secrets"])


def test_make_secrets_makes_every_secret_and_none_twice(tmp_path: Path) -> None:
    wanted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}

    def make() -> dict[str, str]:
        subprocess.run(["make", "-s", "secrets", f"SECRETS={tmp_path}/s"], cwd=ROOT, check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "s").iterdir()}

    made = make()

    assert made.keys() == wanted
    assert make() == made
    assert login_of(made["redis_url"]).user == "okos"
    assert urlsplit(made["redis_url"]).hostname in SERVICES
    assert len({login_of(made["redis_url"]).password, made["operator_token"], made["grafana_password"]}) == 3
    assert {"docker/secrets/", "docker/.env"} <= set((ROOT / ".gitignore").read_text().split())


def test_every_network_and_volume_exists_and_the_store_leads_nowhere() -> None:
    networks = {name for service in SERVICES.values() for name in service.get("networks", [])}
    volumes = {
        source
        for service in SERVICES.values()
        for source, *_ in (volume.split(":") for volume in service.get("volumes", []))
    }

    assert networks == set(COMPOSE["networks"])
    assert {source for source in volumes if not source.startswith(".")} == set(COMPOSE["volumes"])
    assert all((ROOT / "docker" / source).is_dir() for source in volumes if source.startswith("."))
    assert SERVICES["valkey"]["networks"] == ["store"]
    assert COMPOSE["networks"]["store"]["internal"]


def test_prometheus_asks_the_web_and_grafana_asks_prometheus() -> None:
    docker = ROOT / "docker"
    scraped = yaml.safe_load((docker / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    source, *others = yaml.safe_load(
        (docker / "grafana" / "provisioning" / "datasources" / "okos.yaml").read_text(encoding="utf-8")
    )["datasources"]
    (provider,) = yaml.safe_load(
        (docker / "grafana" / "provisioning" / "dashboards" / "okos.yaml").read_text(encoding="utf-8")
    )["providers"]
    mounted = dict(volume.split(":")[1::-1] for volume in SERVICES["grafana"]["volumes"])

    assert scraped["scrape_configs"][0]["static_configs"] == [{"targets": [f"web:{Settings().web.port}"]}]
    assert SERVICES["web"]["environment"]["OKOS_WEB__HOST"] == "0.0.0.0"  # noqa: S104 - in its container
    assert all((docker / "prometheus" / name).is_file() for name in scraped["rule_files"])
    assert (source["url"], others) == ("http://prometheus:9090", [])
    assert {"watch"} <= set(SERVICES["web"]["networks"]) & set(SERVICES["grafana"]["networks"])
    assert SERVICES["prometheus"]["networks"] == ["watch"]
    assert list((docker / mounted[provider["options"]["path"]]).glob("*.json"))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_finds_nothing_wrong_with_its_settings_and_rules() -> None:
    checked = subprocess.run(
        ["promtool", "check", "config", ROOT / "docker" / "prometheus" / "prometheus.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr

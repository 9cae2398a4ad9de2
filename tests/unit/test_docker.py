import argparse
import importlib.util
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dramatiq.cli import make_argument_parser
from pydantic import BaseModel

from okos.cli import app
from okos.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]


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
    services = [COMPOSE["services"][name] for name in OURS]
    return (
        image
        + [service["command"] for service in services]
        + [service["healthcheck"]["test"][1:] for service in services]
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
    assert all(isinstance(service["command"], list) for service in COMPOSE["services"].values())


@pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=list(COMPOSE["services"]))
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


def test_every_variable_is_a_setting() -> None:
    variables = {
        name
        for service in OURS
        for name in COMPOSE["services"][service].get("environment", {})
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
    worker = COMPOSE["services"]["worker"]
    options = dramatiq_options(worker["command"][1:])

    assert options.processes * options.threads == Settings().concurrency
    assert int(worker["stop_grace_period"].removesuffix("s")) * 1000 > Settings().shutdown_grace_ms


def test_the_store_keeps_what_it_accepted_and_stops_last() -> None:
    command = COMPOSE["services"]["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))

    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert COMPOSE["services"]["valkey"]["volumes"]
    assert "ports" not in COMPOSE["services"]["valkey"]
    assert all(COMPOSE["services"][name]["depends_on"]["valkey"]["condition"] == "service_healthy" for name in OURS)

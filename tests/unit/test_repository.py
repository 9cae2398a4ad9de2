import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Written in parts, so that this file does not hold what it looks for.
REGISTRIES = (
    ("pypi", "org"),
    ("files", "python" + "hosted", "org"),
    ("npmjs", "com"),
    ("registry", "npmjs", "org"),
    ("deb", "debian", "org"),
)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|farm|root|home|Users)/")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def tracked_text() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in tracked()
        if b"\0" not in path.read_bytes()
    ]


def requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = PROJECT["dependency-groups"].values()
    named = [PROJECT["project"]["dependencies"], *extras, *groups]
    return [
        requirement
        # What a group includes is a group of its own.
        for requirement in (Requirement(one) for some in named for one in some if isinstance(one, str))
        if requirement.marker is None or requirement.marker.evaluate()
    ]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_no_file_names_a_package_registry() -> None:
    hosts = [".".join(parts) for parts in REGISTRIES]

    assert [(name, host) for name, text in tracked_text() for host in hosts if host in text] == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    found = [(name, match[0]) for name, text in tracked_text() for match in MACHINE_PATH.finditer(text)]

    assert [hit for hit in found if hit[0] != "tests/unit/test_repository.py"] == []


def test_no_lock_file_or_session_is_kept() -> None:
    unwanted = {"uv.lock", "poetry.lock", "package-lock.json"}

    assert [path for path in tracked() if path.name in unwanted or path.suffix == ".session"] == []


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_a_dependency_is_pinned_to_a_version_that_it_allows(requirement: Requirement) -> None:
    version = pins()[canonicalize_name(requirement.name)]

    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_a_dependency_has_a_reason(requirement: Requirement) -> None:
    reasons = (ROOT / "docs/decisions/dependencies.md").read_text(encoding="utf-8")
    named = {name for cell in re.findall(r"(?m)^\| ([a-z][^|]*) \|", reasons) for name in cell.split(", ")}

    assert requirement.name in named


def test_the_licence_is_the_one_that_is_declared() -> None:
    assert PROJECT["project"]["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")


def test_make_tells_what_it_can_do() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?m)^([a-z-]+):", makefile)

    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert set(targets) == set(re.findall(r"(?m)^\.PHONY: (.*)$", makefile)[0].split())
    assert [line.split()[0] for line in said.splitlines()] == targets
    assert {"setup", "demo", "run", "test", "check", "fix", "dev", "bench", "clean"} <= set(targets)


def test_the_change_log_has_a_place_for_what_comes_next() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_what_lands_is_checked_and_then_tested() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")

    steps = re.findall(r"(?m)^(?:exec )?make ([\w-]+)", text)
    named = re.findall(r"tests/[\w/]+\.py", text)

    assert os.access(script, os.X_OK)
    # The last line is pytest's, of all the tests.
    assert steps == ["setup", "check", "check-kurigram", "test"]
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_a_link_in_a_page_leads_somewhere() -> None:
    links = [
        (path, target.partition("#")[0])
        for path in tracked()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        if "://" not in target
    ]

    broken = [(str(path.relative_to(ROOT)), target) for path, target in links if not (path.parent / target).exists()]

    assert links
    assert broken == []

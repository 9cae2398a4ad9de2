"""The pages hold what can be held against the code: their code, their links, the commands and settings they name."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
import yaml
from pydantic import BaseModel

from okos.cli import COMMANDS, app
from okos.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
)
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES if page.is_file()}
EXAMPLES = [
    pytest.param(code, id=f"{name}-{number}")
    for name, text in TEXTS.items()
    for number, code in enumerate(re.findall(r"(?ms)^```python\n(.*?)^```", text), start=1)
]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMMAND = typer.main.get_group(app)
#: Programs of this repository that a page runs with options of their own.
PROGRAMS = {"benchmarks": "benchmarks", "benchmarks.simulation": "benchmarks", "benchmarks.telegram": "benchmarks"}
PROGRAMS |= {"chaos": "chaos", "CHAOS": "chaos", "SOAK": "chaos", "SANDBOX": "tests/datacentre"}
PROGRAMS |= {"SCREENSHOTS": "tests/web"}


def anchors(text: str) -> set[str]:
    """Name the headings of a page as they are linked to."""
    titles = re.findall(r"(?m)^#+ (.*)$", without_code(text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def without_code(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```", "", text)


def commands(text: str) -> Iterator[str]:
    """Give what is written as a command: in `code`, in an indented block, in a block that is no program."""
    blocks = re.findall(r"(?ms)^```(?:sh|console|bash)?\n(.*?)^```", text)
    prose = without_code(text)
    lines = re.findall(r"(?m)^ {4,}(\S.*)$", prose) + [line for block in blocks for line in block.splitlines()]
    for found in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose) + [line.partition(" #")[0] for line in lines]:
        for part in re.split(r"&&|\||;", " ".join(found.split())):
            yield part.strip().removeprefix(".venv/bin/").rstrip("& ")


def words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a part of a quotation
        return command.split()


def options(command: str) -> set[str]:
    return {word.partition("=")[0] for word in words(command) if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_compiles(code: str) -> None:
    compile(code, "example", "exec")


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_imports_what_there_is(code: str) -> None:
    named = [
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]

    assert [(module, name) for module, name in named if not hasattr(importlib.import_module(module), name)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_link_leads_to_a_file_of_the_repository(name: str) -> None:
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", without_code(TEXTS[name]))
    here = (ROOT / name).parent

    assert [link for link in links if "://" not in link and not (here / link).is_file()] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_link_to_a_heading_leads_to_one(name: str) -> None:
    links = re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", TEXTS[name])
    here = (ROOT / name).parent
    targets = [
        (TEXTS.get(str((here / path).resolve().relative_to(ROOT)), "") if path else TEXTS[name], anchor)
        for path, anchor in links
        if "://" not in path
    ]

    assert [anchor for text, anchor in targets if anchor not in anchors(text)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_named_exists(name: str) -> None:
    inside = "okos|actors|tests|config|docker|docs|benchmarks|chaos"
    named = set(re.findall(rf"`((?:{inside})/[\w./-]*[\w/])`", TEXTS[name]))

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_command_that_is_named_exists_with_its_options(name: str) -> None:
    unknown = []
    for command in commands(TEXTS[name]):
        called = re.fullmatch(r"(?:[A-Z_]+=\S* )*okos ([a-z]+)(?: (.*))?", command)
        if called is None:
            continue
        known = COMMAND.get_command(typer.Context(COMMAND), called[1]) if called[1] in COMMANDS else None
        if known is None:
            unknown.append(command)
            continue
        rest = words(called[2] or "")
        group = getattr(known, "commands", None)
        if group is not None and rest and rest[0] in group:
            known = group[rest[0]]
        has = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown += [f"{command}: {one}" for one in options(called[2] or "") - has - {"--help", "-h"}]

    assert unknown == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_target_of_make_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))
    named = set(re.findall(r"(?:`|^ {4,})make ([a-z-]+)", TEXTS[name], re.MULTILINE))

    assert named - targets == set()


@pytest.mark.parametrize("name", TEXTS)
def test_a_program_of_the_repository_takes_the_options_that_are_named(name: str) -> None:
    unknown = []
    for command in commands(TEXTS[name]):
        called = re.match(r"python -m ([\w.]+)(.*)|make [a-z-]+ ([A-Z]+)=(.*)", command)
        if called is None or (called[1] or called[3]) not in PROGRAMS:
            continue
        folder = ROOT / PROGRAMS[called[1] or called[3]]
        takes = {
            option
            for path in folder.glob("*.py")
            for option in re.findall(r'add_argument\(\s*"(--[a-z-]+)"', path.read_text(encoding="utf-8"))
        }
        given = called[2] if called[1] else called[4].strip("'\"")
        unknown += [f"{command}: {one}" for one in options(given) - takes - {"--help"}]

    assert unknown == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_that_is_named_exists(name: str) -> None:
    variables = {field.upper() for field in Settings.model_fields} | {"CONFIG"}
    named = {one.removesuffix("_FILE") for one in re.findall(rf"\b{PREFIX}([A-Z][A-Z_]*[A-Z])\b", TEXTS[name])}
    unknown = [one for one in named if one.partition("__")[0] not in variables]
    for section, field in (one.split("__", 1) for one in named if "__" in one):
        inner = Settings.model_fields.get(section.lower())
        if inner is not None and isinstance(inner.annotation, type) and issubclass(inner.annotation, BaseModel):
            unknown += [f"{section}__{field}"] if field.lower() not in inner.annotation.model_fields else []

    assert unknown == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_that_is_named_by_its_section_exists(name: str) -> None:
    sections = {
        section: field.annotation.model_fields
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    named = re.findall(rf"`({'|'.join(sections)})\.(\w+)`", TEXTS[name])

    named = [one for one in named if one != ("web", "token")]  # a file of this name
    assert [f"{section}.{field}" for section, field in named if field not in sections[section]] == []


def test_every_page_of_docs_has_its_place_in_the_site() -> None:
    def pages(nav: object) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        elif isinstance(nav, list | dict):
            for one in nav.values() if isinstance(nav, dict) else nav:
                yield from pages(one)

    site = yaml.safe_load((ROOT / "config" / "mkdocs.yml").read_text(encoding="utf-8"))
    docs = {page.name for page in (ROOT / "docs").glob("*.md")}

    assert docs - set(pages(site["nav"])) == set()

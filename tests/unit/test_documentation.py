"""The pages hold what can be held against the code: their code, their anchors, the commands and settings they name."""

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from okos.cli import COMMANDS
from okos.settings import Settings

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


def anchors(text: str) -> set[str]:
    """Name the headings of a page as they are linked to."""
    without_code = re.sub(r"(?ms)^```.*?^```", "", text)
    titles = re.findall(r"(?m)^#+ (.*)$", without_code)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


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
def test_a_command_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"`okos ([a-z]+)", TEXTS[name])) | set(re.findall(r"(?m)^ {4,}okos ([a-z]+)", TEXTS[name]))

    assert named - set(COMMANDS) == set()


@pytest.mark.parametrize("name", TEXTS)
def test_a_target_of_make_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"(?:`|^ {4,})make ([a-z-]+)", TEXTS[name], re.MULTILINE))

    assert named - targets == set()


@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_that_is_named_exists(name: str) -> None:
    known = {f"OKOS_{field.upper()}" for field in Settings.model_fields} | {"OKOS_CONFIG"}
    named = {variable.partition("__")[0] for variable in re.findall(r"OKOS_[A-Z][A-Z_]*[A-Z]", TEXTS[name])}

    assert named - known == set()

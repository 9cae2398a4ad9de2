"""Nothing that is read becomes code: the linter's rules for that are on, for all that runs, and nowhere silenced."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNNING = [path for folder in ("okos", "actors") for path in (ROOT / folder).rglob("*.py")]

#: What turns data into code, and the rule that finds it.
FORBIDDEN = {
    "import pickle\n\npickle.loads(b'')\n": "S301",
    "import marshal\n\nmarshal.loads(b'')\n": "S302",
    "eval(input())\n": "S307",
    "exec(input())\n": "S102",
    "import yaml\n\nyaml.load(input())\n": "S506",
    "import subprocess\n\nsubprocess.run(input(), shell=True)\n": "S602",
    "import os\n\nos.system(input())\n": "S605",
    "import jinja2\n\njinja2.Environment()\n": "S701",
    "import tempfile\n\ntempfile.mktemp()\n": "S306",
    "import ssl\n\nssl._create_unverified_context()\n": "S323",
}
#: Modules that do nothing else, or much of it; and what of others the linter lets pass.
MODULES = {"pickle", "shelve", "marshal", "dill", "cloudpickle", "jsonpickle", "yaml", "code", "codeop"}
CALLS = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("source", FORBIDDEN, ids=FORBIDDEN.values())
@pytest.mark.parametrize("place", ["okos/mailbox/one.py", "actors/one.py"])
def test_the_linter_finds_it(source: str, place: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", place, "-"],
        input=source,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 1
    assert f" {FORBIDDEN[source]} " in found.stdout


@pytest.mark.parametrize("path", RUNNING, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_it_is_there_not_even_with_the_linter_s_leave(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {
        node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    shell = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "shell"]

    assert imported & MODULES == set()
    assert called & CALLS == set()
    assert shell == []


def test_the_only_name_that_is_imported_by_its_setting_is_that_of_the_handlers() -> None:
    """`importlib.import_module` runs a module by its name: it must never be handed one that travelled."""
    users = {str(path.relative_to(ROOT)) for path in RUNNING if "import_module(" in path.read_text(encoding="utf-8")}

    assert users == {"okos/assistant/loader.py"}

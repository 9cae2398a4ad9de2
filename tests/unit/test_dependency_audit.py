"""The dependency audit of `make check`: what it makes of what the database says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

AUDIT = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "audit.py"))
judge, ignored = AUDIT["judge"], AUDIT["IGNORED"]
FLAW = {"id": "PYSEC-2099-1", "fix_versions": ["3.1.7", "4.0"], "aliases": [], "description": "…"}


def a_dependency(name: str = "jinja2", *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "3.1.6", "vulns": list(flaws)}


def test_a_vulnerable_dependency_fails_the_check_and_is_named_with_what_mends_it() -> None:
    status, lines = judge({"dependencies": [a_dependency("anyio"), a_dependency("jinja2", FLAW)]})

    assert status == 1
    assert lines == ["audit: jinja2 3.1.6: PYSEC-2099-1, mended in 3.1.7, 4.0"]


def test_sound_dependencies_pass() -> None:
    status, lines = judge({"dependencies": [a_dependency("anyio"), a_dependency("jinja2")]})

    assert (status, lines) == (0, ["audit: 2 dependencies, none known to be vulnerable"])


def test_a_database_that_does_not_answer_is_one_line_and_no_failure() -> None:
    skipped = {"name": "jinja2", "skip_reason": "not found"}

    answers = [judge(None), judge({"dependencies": [skipped]})]

    assert [status for status, _ in answers] == [0, 0]
    assert all(len(lines) == 1 and "no dependency was audited" in lines[0] for _, lines in answers)


def test_one_that_the_database_does_not_know_is_told_beside_the_others() -> None:
    status, lines = judge({"dependencies": [a_dependency(), {"name": "ours", "skip_reason": "not found"}]})

    assert status == 0
    assert lines[0] == "audit: not known to the database: ours"


def test_what_is_ignored_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in ignored.values())

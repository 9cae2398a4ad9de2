"""The documentation as a site: it is built strictly, is whole, and asks nobody else for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as `make docs` does, elsewhere."""
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", "config/mkdocs.yml"]
    done = subprocess.run(
        [*command, "--site-dir", str(directory)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture(scope="module")
def pages(site: Path) -> Mapping[str, str]:
    return {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def test_every_page_of_the_repository_s_documentation_is_in_it(pages: Mapping[str, str]) -> None:
    docs = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    elsewhere = {"about.html", "CHANGELOG.html", "CONTRIBUTING.html", "benchmarks/index.html"}

    assert {name.replace("README.html", "index.html") for name in docs} | elsewhere <= set(pages)


def test_a_page_fetches_nothing_from_anywhere_else(pages: Mapping[str, str]) -> None:
    fetched = [
        (name, tag)
        for name, text in pages.items()
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text)
        if re.search(r'(?:src|href)="?(?:https?:)?//', tag)
    ]

    assert fetched == []


def test_a_diagram_is_a_picture_that_is_there_already(pages: Mapping[str, str]) -> None:
    sources = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").count("```mermaid")
    drawn = re.findall(r'<div class="diagram".*?</div>', pages["design.html"], re.DOTALL)
    names = re.findall(r'<svg id="(diagram-\w+)"', pages["design.html"])

    assert len(drawn) == len(set(names)) == sources > 0


def test_a_link_leads_to_what_is_there(site: Path, pages: Mapping[str, str]) -> None:
    broken = [
        (name, link)
        for name, text in pages.items()
        for link in re.findall(r'<(?:a|img)\b[^>]*? (?:href|src)="(?!\w+:)([^"#?]+)[^"]*"', text)
        if name != "404.html" and not ((site / name).parent / link).resolve().exists()
    ]

    assert broken == []

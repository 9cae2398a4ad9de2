import re
from pathlib import Path

from chaos.scenario import SCENARIOS
from chaos.trouble import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "chaos.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| (?!---)(?!kind)(?!name)([^|]+) \|", section)


def test_the_page_names_every_kind_of_trouble() -> None:
    assert re.findall(r"`(\w+)`", " ".join(rows("What a storm is"))) == list(KINDS)


def test_the_page_names_every_scenario() -> None:
    assert rows("Scenarios") == list(SCENARIOS)


def test_every_test_that_the_page_names_is_there() -> None:
    root = Path(__file__).parents[3]
    named = re.findall(r"`((?:engine|tests)/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40

    for path, name in named:
        file = root / path if path.startswith("tests/") else root / "tests/process" / path
        assert f"def {name}(" in file.read_text(encoding="utf-8"), f"{path} has no {name}"


def test_every_scenario_that_is_said_to_show_something_is_there() -> None:
    section = PAGE.partition("\n## What is survived, and where it is shown\n")[2]
    shown_by = [row.rsplit("|", 2)[1] for row in section.splitlines() if row.startswith("| ")][1:]
    words = {word.strip() for cell in shown_by for word in cell.split(",")}
    scenarios = {word for word in words if word.isalpha()} - {"seeds"}

    assert scenarios == set(SCENARIOS)

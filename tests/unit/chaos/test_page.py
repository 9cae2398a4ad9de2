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

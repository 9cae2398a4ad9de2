import json
import math

from figures import a_drain

from benchmarks.contestant import BARE
from benchmarks.figure import Figures
from benchmarks.report import Report


def a_report(*figures: Figures) -> Report:
    return Report(
        command="python -m benchmarks",
        rounds=3,
        machine={"date": "2026-01-01"},
        figures=figures,
        left_out=("bullmq, because there is no node on the PATH",),
    )


def test_the_page_has_a_table_for_each_workload_and_says_what_is_left_out() -> None:
    page = a_report(
        a_drain("stock", handled_per_s=4_000.0),
        a_drain("okos", handled_per_s=16_000.0),
        a_drain(BARE, sleep_ms=20, seconds=5.0),
        a_drain("okos", sleep_ms=20, seconds=5.5),
    ).as_markdown()

    assert "Left out: bullmq, because there is no node on the PATH." in page
    assert page.count("### Drain, ") == 2
    assert "| Okos (strict order per user) |     16,000 |    4.00 |" in page
    assert "| Okos (strict order per user)      |    5.50 |           1.10 |                 |" in page


def test_all_rows_of_a_table_are_as_wide_as_its_head() -> None:
    page = a_report(a_drain("stock"), a_drain("mutex"), a_drain("okos")).as_markdown()

    for section in page.split("\n\n"):
        rows = [row for row in section.splitlines() if row.startswith("|")]
        assert len({len(row) for row in rows}) <= 1


def test_json_holds_every_figure_and_null_for_one_that_is_missing() -> None:
    report = json.loads(json.dumps(a_report(a_drain("okos", drain_cpu_us=math.nan)).as_json(), allow_nan=False))

    assert report["drains"][0]["drain_cpu_us"] is None
    assert report["drains"][0]["handled_per_s"] == 20_000.0
    assert report["bars"][-1]["verdict"] == "met"

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmarks_measure_both_sides_and_lose_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", "--contestants", "stock", "okos"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    results = report["drains"] + report["latencies"]
    assert {result["contestant"] for result in results} == {"stock", "okos", "bare"}
    assert {result["missing"] for result in results} == {0}
    ours = [result for result in results if result["contestant"] == "okos"]
    assert {(result["out_of_order"], result["doubled"]) for result in ours} == {(0, 0)}


def test_a_quick_simulation_measures_and_plays() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.simulation", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Played:") == 3

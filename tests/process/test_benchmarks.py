import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_quick_run_measures_every_part_beside_the_others_and_okos_loses_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    kinds = ("drains", "latencies", "streams", "recoveries", "costs")
    assert all({row["contestant"] for row in report[kind]} >= {"okos"} for kind in kinds)
    assert {row["contestant"] for row in report["drains"]} >= {"stock", "mutex", "okos", "bare"}
    assert {row["missing"] for kind in ("drains", "latencies", "streams") for row in report[kind]} == {0}
    ours = [row for kind in kinds[:4] for row in report[kind] if row["contestant"] == "okos"]
    assert {(row["missing"], row["out_of_order"], row["doubled"]) for row in ours} == {(0, 0, 0)}
    (recovered,) = [row for row in report["recoveries"] if row["contestant"] == "okos"]
    assert recovered["come_back"] == recovered["cut_off"] > 0
    from_npm = {"bullmq", "groupmq"} & {row["contestant"] for row in report["drains"]}
    assert from_npm == {"bullmq", "groupmq"} or len(report["left_out"]) == 1


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

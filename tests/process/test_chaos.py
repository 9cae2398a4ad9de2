import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_short_storm_is_weathered_and_every_message_accounted_for() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "chaos", "--seed", "6", "--seconds", "8", "--json"),
            *("--only", "kill", "restart", "disconnect", "flush", "cancel", "pause", "requeue"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    first, rest = done.stdout.split("\n", 1)
    assert first == "seed 6"
    report = json.loads(rest.rpartition("seed 6: no fault")[0])
    assert report["good"]
    assert report["accepted"] == report["done"] + report["dead"] + report["cancelled"]
    assert report["accepted"] > 400
    assert report["restarts"] > 0
    assert {"kill", "restart", "disconnect", "flush", "cancel", "pause"} <= set(report["troubles"])

"""Have a contestant's own program publish a workload, in an OS process of its own."""

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import CONTESTANTS
from benchmarks.workload import Workload
from okos.child import reap, spawn

_DEADLINE_S = 180


class PublishFailed(Exception):
    """A publisher did not end well; the message holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publisher told: how long it took, and when each message was published, if there was a pace."""

    seconds: float
    published_ns: list[int]


def publish(contestant: str, url: str, workload: Workload) -> Published:
    """Publish the workload from one thread, one call a message.

    Raises:
        PublishFailed: Not all was published.
    """
    command = CONTESTANTS[contestant].publish_command(workload)
    with tempfile.TemporaryDirectory(prefix="okos-bench-") as directory:
        output = Path(directory) / "output"
        with output.open("wb") as file:
            child = spawn(
                command,
                output=file,
                environment=os.environ | {"BENCH_URL": url},
                death_signal=signal.SIGKILL,
            )
            try:
                status = child.wait(_DEADLINE_S + workload.messages / (workload.rate_per_s or workload.messages))
            except subprocess.TimeoutExpired:
                status = None
            finally:
                reap(child)
        said = output.read_text(encoding="utf-8", errors="replace").strip()
    if status != 0:
        raise PublishFailed(f"{contestant} did not publish {workload}: {said or 'it took too long'}")
    return Published(**json.loads(said.splitlines()[-1]))

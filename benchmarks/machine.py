"""The machine: what others used of it while we measured, and what the figures were measured on."""

import os
import platform
import resource
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.npm import node_version, wanted_versions
from benchmarks.server import running_server

_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """CPU time used so far, in seconds.

    Attributes:
        all_s: That passed on all cores.
        busy_s: Of it, in which they worked.
        own_s: Of it, for us and those of our children that have ended.
    """

    all_s: float
    busy_s: float
    own_s: float


def now() -> Moment | None:
    """Look; None where the system does not tell."""
    try:
        line = _STAT.read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    all_s, busy_s = read_stat(line, ticks_per_s=os.sysconf("SC_CLK_TCK"))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Moment(all_s=all_s, busy_s=busy_s, own_s=sum(one.ru_utime + one.ru_stime for one in used))


def read_stat(line: str, *, ticks_per_s: int) -> tuple[float, float]:
    """Read the first line of /proc/stat: seconds of all cores, and those in which they worked (a hypervisor's, too)."""
    user, nice, system, idle, iowait, irq, softirq, steal = (int(word) / ticks_per_s for word in line.split()[1:9])
    busy_s = user + nice + system + irq + softirq + steal
    return busy_s + idle + iowait, busy_s


def others_percent(before: Moment | None, after: Moment | None) -> float:
    """Return the share of all cores that others used, in percent.

    What we started must have ended by then, and nothing of ours have been running before: the system tells what
    children used when they have ended. NaN where it does not tell.
    """
    if before is None or after is None or after.all_s <= before.all_s:
        return float("nan")
    others_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, 100 * others_s / (after.all_s - before.all_s))


def describe_machine(*, has_npm: bool) -> Mapping[str, str]:
    """Say what the figures are measured on."""
    with running_server() as server:
        server_version = server.version()
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "server": f"{server_version}, append-only file every second, Unix socket",
        **{name: version(name) for name in ("okos", "dramatiq", "redis")},
        **({"node": node_version()} | wanted_versions() if has_npm else {}),
        "commit": _commit(),
    }


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _commit() -> str:
    """Return the short id of what is measured; `+` after it: with changes that are not committed."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()

"""What an OS process uses: memory, file descriptors, threads. From /proc, so on Linux only."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at one OS process."""

    at_s: float
    who: str
    rss_bytes: int
    descriptors: int
    threads: int


def look_at(pid: int, who: str, at_s: float) -> Sample | None:
    """Look at a process; None when it is gone."""
    home = Path(f"/proc/{pid}")
    try:
        return Sample(
            at_s=at_s,
            who=who,
            rss_bytes=int((home / "statm").read_text().split()[1]) * _PAGE_BYTES,
            descriptors=len(list((home / "fd").iterdir())),
            threads=len(list((home / "task").iterdir())),
        )
    except OSError:
        return None


def slope_mb_per_min(samples: Sequence[Sample]) -> float:
    """Fit a line to the memory of one process: megabytes a minute."""
    if len(samples) < 2:
        return 0.0
    minutes = [sample.at_s / 60 for sample in samples]
    megabytes = [sample.rss_bytes / 1e6 for sample in samples]
    mean_x, mean_y = sum(minutes) / len(minutes), sum(megabytes) / len(megabytes)
    spread = sum((x - mean_x) ** 2 for x in minutes)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(minutes, megabytes, strict=True)) / spread if spread else 0.0

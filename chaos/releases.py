"""An older release of the engine, from the repository's history: to run beside the present one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGINE = "okos/mailbox"
#: How records are stored: two releases with the same file read what the other has written.
LAYOUT = f"{ENGINE}/lua/_record.lua"


def export_older(directory: Path) -> tuple[Path | None, str]:
    """Put the oldest working engine that stores records as this one does into a folder, with this one's `chaos`.

    Returns:
        The folder and the commit's name and subject; None and the reason if there is no such engine here.
    """
    try:
        commits = _git("log", "--format=%H", "-n", "100", "--", ENGINE).split()
    except (OSError, subprocess.CalledProcessError):
        return None, "this is no checkout of the repository"
    for commit in reversed(commits):
        home = directory / commit
        if _differs(commit, ENGINE) and not _differs(commit, LAYOUT) and _export(commit, home):
            return home, _git("log", "--format=%h %s", "-n", "1", commit).strip()
    return None, "no older release stores records as this one does"


def _export(commit: str, directory: Path) -> bool:
    """Write it; False when it cannot be imported: not every commit is a release."""
    packed = _run("archive", commit, "okos")
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(directory, filter="data")
    (directory / "chaos").symlink_to(ROOT / "chaos")
    tried = subprocess.run(
        [sys.executable, "-c", "import okos.mailbox"], cwd=directory, capture_output=True, check=False
    )
    return tried.returncode == 0


def _differs(commit: str, path: str) -> bool:
    return bool(_git("diff", "--name-only", commit, "--", path).strip())


def _git(*arguments: str) -> str:
    return _run(*arguments).decode()


def _run(*arguments: str) -> bytes:
    git = shutil.which("git") or "git"
    return subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, check=True).stdout

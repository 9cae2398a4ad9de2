"""The contestants from npm: installed beside their programs (git ignores it), in the versions of package.json."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.contestant import NODE_DIRECTORY

_PACKAGES = NODE_DIRECTORY / "package.json"
_INSTALLED = NODE_DIRECTORY / "node_modules"
_INSTALL_S = 60


class NotThere(Exception):
    """Contestants from npm cannot run here; the message says why, in a line."""


def wanted_versions() -> dict[str, str]:
    """Return name -> version of what is to be installed."""
    packages: dict[str, Any] = json.loads(_PACKAGES.read_text(encoding="utf-8"))  # Any: JSON
    return dict(packages["dependencies"])


def install() -> None:
    """Install what is not there yet.

    Raises:
        NotThere: There is no node or no npm, or npm could not install; nothing is half there.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotThere(f"there is no {program} on the PATH")
    wanted = wanted_versions()
    if _installed_versions(wanted) == wanted:
        return
    command = [
        *("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"),
        *("--loglevel=error", "--fetch-retries=1"),
    ]
    try:
        done = subprocess.run(
            command, cwd=NODE_DIRECTORY, capture_output=True, text=True, timeout=_INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        raise NotThere(f"npm did not install within {_INSTALL_S} s") from None
    if done.returncode:
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        raise NotThere(f"npm could not install them: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")


def node_version() -> str:
    """Return the version of node."""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip().lstrip("v")


def _installed_versions(names: dict[str, str]) -> dict[str, str]:
    return {name: version for name in names if (version := _version_in(_INSTALLED / name / "package.json"))}


def _version_in(packages: Path) -> str | None:
    try:
        return str(json.loads(packages.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return None

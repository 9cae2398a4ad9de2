"""Ask whether a pinned dependency is known to be vulnerable: `python .ci/audit.py`.

Exit status 1 when one is that IGNORED does not name. Where the database of vulnerabilities does not answer, that is
said in one line, and is no failure: a check has to pass without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PINS = Path(__file__).parents[1] / "constraints.txt"

#: Vulnerabilities that do not concern Okos: the id, and why not. Each is looked at again with every release.
IGNORED: dict[str, str] = {}

_ASKED_FOR_S = 12.0
_UNREACHABLE = "audit: the database of vulnerabilities does not answer here; no dependency was audited"


def ask(pins: list[str]) -> dict[str, Any] | None:  # Any: JSON
    """Ask about these pins; None when there is no answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip"]
        command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
        try:
            said = subprocess.run(command, capture_output=True, check=False, timeout=_ASKED_FOR_S).stdout
            report: dict[str, Any] = json.loads(said)
        except (subprocess.TimeoutExpired, ValueError):
            return None
    return report


def judge(report: dict[str, Any] | None) -> tuple[int, list[str]]:  # Any: JSON
    """Say what an answer means: the exit status, and the lines to print."""
    dependencies = [] if report is None else report["dependencies"]
    audited = [one for one in dependencies if "skip_reason" not in one]
    if not audited:
        return 0, [_UNREACHABLE]
    found = [(one, vulnerability) for one in audited for vulnerability in one["vulns"]]
    open_ones = [(one, vulnerability) for one, vulnerability in found if vulnerability["id"] not in IGNORED]
    lines = [
        f"audit: {one['name']} {one['version']}: {vulnerability['id']},"
        f" mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for one, vulnerability in open_ones
    ]
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    if unknown:
        lines.append(f"audit: not known to the database: {', '.join(unknown)}")
    if not open_ones:
        lines.append(f"audit: {len(audited)} dependencies, none known to be vulnerable")
    return (1 if open_ones else 0), lines


def main() -> int:
    """Audit the pins; returns the exit status."""
    pins = PINS.read_text(encoding="utf-8").split()
    # One first: where nobody answers, nobody is asked again.
    report = ask(pins[:1])
    status, lines = judge(report)
    if lines != [_UNREACHABLE]:
        status, lines = judge(ask(pins))
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

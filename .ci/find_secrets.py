"""Look for secrets in the tracked files of a repository: `python .ci/find_secrets.py [FOLDER]`.

Exit status 1 when one is found that `.secrets.baseline` does not name. What looks like a secret and is none (an example
in a page, the key of the tests' data centre) is named there by file and hash, never by itself; it is kept with

    .venv/bin/detect-secrets scan --baseline .secrets.baseline

of which every added line has to be looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection

#: What is called a password and has the form of none: in a test it is an example, and there are many.
NAMED_AS_ONE = "Secret Keyword"
EXAMPLES = "tests/"

BASELINE = Path(__file__).parents[1] / ".secrets.baseline"


def tracked(folder: Path) -> list[str]:
    """List the files that git tracks below a folder, by their paths in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, check=True).stdout.decode()
    return sorted(name for name in listed.split("\0") if name and (folder / name).is_file())


def find(folder: Path) -> list[str]:
    """Describe each secret that the baseline does not name, a line each."""
    # Loading it also sets what is looked for, and which files are left out.
    known = baseline.load(baseline.load_from_file(str(BASELINE)), str(BASELINE))
    os.chdir(folder)
    found = SecretsCollection()
    found.scan_files(*tracked(folder))
    return [
        f"{name}:{secret.line_number}: {secret.type}"
        for name, secret in found - known
        if not (name.startswith(EXAMPLES) and secret.type == NAMED_AS_ONE)
    ]


def main() -> int:
    """Say what was found; returns the exit status."""
    found = find(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BASELINE.parent)
    for line in found:
        print(line)
    if found:
        print(
            "These look like secrets. One that is real has to be taken back where it was given, and out of the history."
        )
        print("One that is none belongs into .secrets.baseline: .ci/find_secrets.py says how.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

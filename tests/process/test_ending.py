"""How a command ends by Ctrl-C, wherever that meets it."""

import subprocess
import sys
from pathlib import Path

# As in the text of which a library makes a class of data.
PROGRAM = """
from okos.cli.ending import ends_cleanly

with ends_cleanly():
    exec("raise KeyboardInterrupt")
"""


def test_an_interrupt_in_code_made_of_text_is_one_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")

    ended = subprocess.run([sys.executable, "-m", "program"], cwd=tmp_path, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (130, b"")

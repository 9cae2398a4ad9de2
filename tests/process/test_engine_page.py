"""The program in docs/engine.md, run as it says there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
DRAMATIQ = Path(sys.executable).with_name("dramatiq")


def test_the_program_of_the_engine_s_page_sends_each_letter_once_in_order_and_lists_what_it_could_not(
    url: str, namespace: str, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    programs = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"))
    (program,) = [one for one in programs if 'namespace="letters"' in one]
    assert "redis://127.0.0.1:6379/0" in program
    ours = program.replace("redis://127.0.0.1:6379/0", url).replace('namespace="letters"', f'namespace="{namespace}"')
    (tmp_path / "letters.py").write_text(ours, encoding="utf-8")
    broker = MailboxBroker(url, namespace=namespace)
    log = tmp_path / "log"

    def run(what: str) -> str:
        command = [sys.executable, "letters.py", what]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    with log.open("wb") as output:
        workers = subprocess.Popen(
            [DRAMATIQ, "letters", "--processes", "1"],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        run("send")
        run("send")
        wait_until(lambda: (stats := broker.stats()).done == 12 and stats.dead == 3)
        seen = run("look").splitlines()
        assert run("again") == "3 are tried once more\n"
        wait_until(lambda: broker.stats().dead == 3)
    finally:
        workers.terminate()
        workers.wait()
        broker.flush_all()
        broker.close()

    # threads that print at once may put two texts on one line
    got = re.findall(r"(ann|bob) has got (a (?:letter|parcel|postcard))", log.read_text(encoding="utf-8"))
    for customer in ("ann", "bob"):
        assert [text for name, text in got if name == customer] == ["a letter", "a parcel", "a postcard"]
    assert seen == [
        "0 wait, 6 letters were sent",
        "bob: ['a letter', 'a parcel', 'a postcard']",
        *["nobody: NoAddress: nobody"] * 3,
    ]

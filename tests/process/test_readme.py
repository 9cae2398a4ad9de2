"""The program in README.md, run as it says there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from collections.abc import Callable

README = Path(__file__).parents[2] / "README.md"
DRAMATIQ = Path(sys.executable).with_name("dramatiq")


def test_the_program_in_the_readme_confirms_each_order_once_and_in_order(
    url: str, namespace: str, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    (program,) = re.findall(r"(?ms)^```python\n(.*?)^```", README.read_text(encoding="utf-8"))
    assert "redis://127.0.0.1:6379/0" in program
    assert '"shop"' in program
    ours = program.replace("redis://127.0.0.1:6379/0", url).replace('"shop"', f'"{namespace}"')
    (tmp_path / "shop.py").write_text(ours, encoding="utf-8")
    broker = MailboxBroker(url, namespace=namespace)
    log = tmp_path / "log"

    with log.open("wb") as output:
        workers = subprocess.Popen(
            [DRAMATIQ, "shop", "--processes", "1"],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        subprocess.run([sys.executable, "shop.py"], cwd=tmp_path, check=True)
        wait_until(lambda: broker.stats().done == 12)
    finally:
        workers.terminate()
        workers.wait()
        broker.flush_all()
        broker.close()

    confirmed = re.findall(r"(ann|bob): order (\d) is confirmed", log.read_text(encoding="utf-8"))
    for customer in ("ann", "bob"):
        assert [number for name, number in confirmed if name == customer] == ["1", "2", "3"]

"""Every Python example of every page runs as it stands: on a real server, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from okos.mailbox import MailboxBroker

if TYPE_CHECKING:
    from real_server import RealServer

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
EXAMPLES = [
    pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"(?ms)^```python\n(.*?)^```", page.read_text(encoding="utf-8")), start=1)
]
#: What stands around an example that is a part of a program, known by a line of it.
AROUND = {
    'if broker.take_lease("feed"': """
import dramatiq
from okos.mailbox import MailboxBroker
broker = MailboxBroker("redis://127.0.0.1:6379/0", namespace="shop")
dramatiq.set_broker(broker)
@dramatiq.actor
def actor(n: int) -> None: ...
""",
    '@handles("command")': "from okos.assistant import Turn, handles",
    '@handles("document")': "from okos.assistant import Turn, handles",
}


def whole(code: str, url: str, admin_url: str, namespace: str) -> str:
    """Make a program of it that uses the tests' server; it calls the tests that it defines."""
    before = "".join(text for line, text in AROUND.items() if line in code)
    after = "\n".join(re.findall(r"(?m)^def (test_\w+\(\)) -> None:", code))
    program = f"{before}\n{code}\n{after}\n".replace("redis://127.0.0.1:6379/0", url)
    program = program.replace("unix://admin:any@/var/lib/okos/server.sock", admin_url)
    return re.sub(r'namespace="\w+"', f'namespace="{namespace}"', program)


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(code: str, shared_server: RealServer, namespace: str, tmp_path: Path) -> None:
    url = shared_server.url
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OKOS_")}
    environment = ours | {
        "OKOS_HOME": str(tmp_path),
        "OKOS_CONFIG": os.devnull,
        "OKOS_REDIS_URL": url,
        "OKOS_NAMESPACE": namespace,
    }

    done = subprocess.run(
        [sys.executable, "-c", whole(code, url, shared_server.admin_url, namespace)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    broker = MailboxBroker(url, namespace=namespace)
    broker.flush_all()
    broker.close()
    assert done.returncode == 0, done.stderr


def test_the_handler_of_the_page_answers_in_a_directory_of_one_s_own(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")
    (handler,) = [one for one in re.findall(r"(?ms)^```python\n(.*?)^```", page) if "count " in one]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))}
    environment = ours | {"OKOS_HOME": str(tmp_path / "home")}

    def okos(*arguments: str) -> str:
        command = [sys.executable, "-m", "okos", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    okos("init")
    (tmp_path / "actors" / "text.py").write_text(handler, encoding="utf-8")

    assert okos("ask", "count one two three") == "3 words\n"

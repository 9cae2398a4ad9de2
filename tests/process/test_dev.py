import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from okos.mailbox import MailboxBroker
from okos.server import find_binary, start_server

ROOT = Path(__file__).parents[2]


def command_of_make_dev() -> list[str]:
    """What `make dev` runs, with the program's path made absolute."""
    command = ["make", "--no-print-directory", "-n", "-o", "setup", "dev"]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    program, *words = shlex.split(recipe.stdout.splitlines()[-1])
    return [str(ROOT / program), *words]


def test_workers_start_anew_when_a_source_file_changes(
    tmp_path: Path, wait_until: Callable[[Callable[[], object]], None]
) -> None:
    shutil.copytree(ROOT / "actors", tmp_path / "actors")
    (tmp_path / "home").mkdir()
    server = start_server(tmp_path / "home", find_binary(), namespace="okos")
    broker = MailboxBroker(url=server.url)
    with (tmp_path / "log").open("wb") as log:
        master = subprocess.Popen(
            command_of_make_dev(),
            cwd=tmp_path,
            env=os.environ | {"OKOS_REDIS_URL": server.url, "OKOS_HOME": str(tmp_path / "home")},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: len(broker.workers()) == 2)
        first = {worker.pid for worker in broker.workers()}

        def is_noticed() -> bool:
            # The master watches a moment after its workers have shown themselves: change the file until it has seen it.
            if b"Detected changes" in (tmp_path / "log").read_bytes():
                return True
            with (tmp_path / "actors" / "text.py").open("a", encoding="utf-8") as source:
                source.write("\n# changed\n")
            return False

        wait_until(is_noticed)
        wait_until(lambda: len({worker.pid for worker in broker.workers()} - first) == 2)
    finally:
        broker.close()
        os.killpg(master.pid, signal.SIGKILL)
        master.wait()
        server.stop()

"""`okos up` as a person runs it: a real command, its real children, and what is left when they are killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dramatiq
import pytest

from okos.envelope import Envelope
from okos.mailbox import MailboxBroker
from okos.private import PrivateOkosFailed, private_okos
from okos.server import as_admin
from okos.settings import Settings

Wait = Callable[[Callable[[], object]], None]

SLOW_HANDLERS = """
import asyncio
from pathlib import Path
from okos.assistant import Turn, handles

@handles("text")
async def answer(turn: Turn) -> None:
    Path("begun").touch()
    await asyncio.sleep(600)
"""


class Machine:
    """A home and a working directory in which `okos` commands are run."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.directory = directory
        self.log = directory / "log"
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("OKOS_", "OPENAI_"))
        } | {
            "OKOS_HOME": str(self.home),
            "OKOS_CONCURRENCY": "4",
            # No pause of the machine is as long.
            "OKOS_LEASE_MS": "30000",
            # No housekeeping is seen among what waits.
            "OKOS_SCHEDULE__SWEEP_S": "86400",
            "OKOS_SCHEDULE__PRUNE_S": "86400",
            "OKOS_LOG_LEVEL": "debug",
            "OKOS_CONFIG": os.devnull,
            "OKOS_WEB__ENABLED": "false",
        }

    def up(self, **settings: str) -> subprocess.Popen[str]:
        """Start `okos up`; it writes to `log`."""
        with self.log.open("a") as log:
            up = subprocess.Popen(
                [sys.executable, "-m", "okos", "up"],
                env=self.environment | settings,
                cwd=self.directory,
                stdout=log,
                stderr=log,
                text=True,
            )
        self.started.append(up)
        return up

    def okos(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "okos", *arguments],
            env=self.environment | settings,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def is_ready(self) -> bool:
        return "Okos is ready." in self.said()

    def said(self) -> str:
        return self.log.read_text()

    def children(self) -> dict[str, int | None]:
        """Read what `okos up` noted down; nothing if it is not there."""
        try:
            children: dict[str, int | None] = json.loads((self.home / "running.json").read_text())["children"]
        except FileNotFoundError:
            return {}
        return children

    def processes(self) -> set[int]:
        """All that `okos up` started, and all that those started."""
        roots = {pid for pid in self.children().values() if pid is not None}
        found = subprocess.run(["ps", "-eo", "pid=,sess="], capture_output=True, text=True, check=True).stdout
        return {int(pid) for pid, session in map(str.split, found.splitlines()) if int(session) in roots}

    def broker(self) -> MailboxBroker:
        return MailboxBroker(f"unix://{self.home}/server.sock", middleware=[])

    def close(self) -> None:
        for up in self.started:
            if up.poll() is None:
                up.kill()
            up.wait(60)


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("up"))
    yield machine
    machine.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def a_message(user: int, number: int) -> dramatiq.Message[None]:
    envelope = Envelope(
        id=f"{user}-{number}",
        channel="local",
        chat=str(user),
        user=str(user),
        kind="text",
        text="hello",
        sent_at_ms=1,
        reply_to="outbox.local.test",
    )
    return dramatiq.Message(
        queue_name="text",
        actor_name="text",
        args=(envelope.encode(),),
        kwargs={},
        options={"mailbox": envelope.mailbox, "dedup_id": envelope.id},
    )


def test_up_says_what_runs_and_status_agrees(machine: Machine, wait_until: Wait) -> None:
    before = machine.okos("status")
    machine.up()
    wait_until(machine.is_ready)

    after = machine.okos("status", "--json")

    assert before.returncode == 3
    assert f"nothing runs in {machine.home}: start it with `okos up`" in before.stdout
    assert after.returncode == 0
    status = json.loads(after.stdout)
    assert status["works"]
    assert len(status["workers"]) == 2
    assert set(status["running"]["children"]) == {"server", "worker-1", "worker-2", "scheduler"}
    assert "the offline responder" in machine.said()
    assert f"server    unix://{machine.home}/server.sock (embedded)" in machine.said()


def test_kill_9_leaves_no_process_and_loses_nothing(machine: Machine, wait_until: Wait) -> None:
    up = machine.up(OKOS_LEASE_MS="1500")  # what it holds when it is killed is waited for
    wait_until(machine.is_ready)
    broker = machine.broker()
    for number in range(10):
        for user in range(4):
            broker.enqueue(a_message(user, number))
    broker.close()
    processes = machine.processes()
    assert len(processes) >= 6  # a server, two masters and their workers, a scheduler

    up.kill()

    wait_until(lambda: not any(is_alive(pid) for pid in processes))
    machine.log.unlink()
    machine.up()
    wait_until(machine.is_ready)
    broker = machine.broker()
    wait_until(lambda: broker.stats().done >= 40)
    stats = broker.stats()
    broker.close()
    assert (stats.done, stats.running, stats.dead) == (40, 0, 0)
    assert stats.waiting == 40  # the replies, one of each message, as nobody collects them


def test_kill_9_leaves_no_process_even_while_a_handler_runs(machine: Machine, wait_until: Wait) -> None:
    (machine.directory / "slow").mkdir()
    (machine.directory / "slow" / "__init__.py").write_text(SLOW_HANDLERS)
    up = machine.up(OKOS_HANDLERS="slow", OKOS_SHUTDOWN_GRACE_MS="120000", OKOS_WORKER_PROCESSES="1")
    wait_until(machine.is_ready)
    broker = machine.broker()
    broker.enqueue(a_message(0, 0))
    broker.close()
    wait_until((machine.directory / "begun").exists)
    processes = machine.processes()

    up.kill()

    # The handler would go on for ten minutes and the grace for two: nobody is there to wait for either.
    wait_until(lambda: not any(is_alive(pid) for pid in processes))


def test_the_next_start_need_not_wait_for_the_last_of_a_killed_one(machine: Machine, wait_until: Wait) -> None:
    up = machine.up()
    wait_until(machine.is_ready)

    up.kill()
    up.wait()
    machine.log.unlink()
    machine.up()

    wait_until(machine.is_ready)
    assert machine.okos("status").returncode == 0


def test_it_is_ready_when_its_own_workers_are_whoever_else_is_still_seen(machine: Machine, wait_until: Wait) -> None:
    up = machine.up(OKOS_LEASE_MS="60000")
    wait_until(machine.is_ready)

    up.kill()
    up.wait()
    machine.log.unlink()
    machine.up(OKOS_LEASE_MS="60000")
    wait_until(machine.is_ready)

    broker = MailboxBroker(f"unix://{machine.home}/server.sock", middleware=[], lease_ms=60_000)
    seen = broker.workers()
    broker.close()
    assert len(machine.processes() & {one.pid for one in seen}) == 2


def test_a_killed_worker_is_replaced(machine: Machine, wait_until: Wait) -> None:
    machine.up()
    wait_until(machine.is_ready)
    worker = machine.children()["worker-1"]
    assert worker is not None

    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: machine.children()["worker-1"] not in {None, worker})
    assert "child exited" in machine.said()


def test_a_killed_worker_is_replaced_even_if_nothing_can_be_noted_down(machine: Machine, wait_until: Wait) -> None:
    up = machine.up()
    wait_until(machine.is_ready)
    worker = machine.children()["worker-1"]
    assert worker is not None
    note = machine.home / "running.json"
    note.unlink()
    (note / "in the way").mkdir(parents=True)

    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: machine.said().count("what runs cannot be noted down") >= 2)  # it went, and another came
    assert up.poll() is None
    wait_until(lambda: machine.okos("status", OKOS_REDIS_URL=f"unix://{machine.home}/server.sock").returncode == 0)


def test_a_killed_server_is_replaced_and_the_workers_go_on(machine: Machine, wait_until: Wait) -> None:
    machine.up()
    wait_until(machine.is_ready)
    server, worker = machine.children()["server"], machine.children()["worker-1"]
    assert server is not None

    os.kill(server, signal.SIGKILL)

    wait_until(lambda: machine.children()["server"] not in {None, server})
    wait_until(lambda: machine.okos("status").returncode == 0)
    assert machine.children()["worker-1"] == worker


def test_sigterm_stops_the_scheduler_then_the_workers_then_the_server(machine: Machine, wait_until: Wait) -> None:
    up = machine.up(OKOS_LOG_FORMAT="json")
    wait_until(machine.is_ready)
    processes = machine.processes()

    up.terminate()

    assert up.wait(60) == 0
    events = [json.loads(line) for line in machine.said().splitlines() if line.startswith("{")]
    stopped = [event["child"] for event in events if event["event"] == "child stopped"]
    assert (stopped[0], set(stopped[1:3]), stopped[3:]) == ("scheduler", {"worker-1", "worker-2"}, ["server"])
    assert not any(is_alive(pid) for pid in processes)
    assert sorted(path.name for path in machine.home.iterdir()) == ["lock", "server"]


def test_a_second_signal_does_not_wait_for_what_runs(machine: Machine, wait_until: Wait) -> None:
    (machine.directory / "slow").mkdir()
    (machine.directory / "slow" / "__init__.py").write_text(SLOW_HANDLERS)
    up = machine.up(OKOS_HANDLERS="slow", OKOS_SHUTDOWN_GRACE_MS="300000")
    wait_until(machine.is_ready)
    broker = machine.broker()
    broker.enqueue(a_message(1, 1))
    broker.close()
    wait_until((machine.directory / "begun").exists)
    processes = machine.processes()

    up.send_signal(signal.SIGINT)
    wait_until(lambda: "Ctrl-C again stops at once" in machine.said())
    up.send_signal(signal.SIGINT)

    assert up.wait(60) == 0
    wait_until(lambda: not any(is_alive(pid) for pid in processes))  # what was killed takes a moment to end


def test_a_second_up_is_refused_in_one_line(machine: Machine, wait_until: Wait) -> None:
    up = machine.up()
    wait_until(machine.is_ready)

    second = machine.okos("up")

    assert second.returncode == 1
    assert second.stderr == (
        f"okos: an Okos already runs in {machine.home} (pid {up.pid}); stop it, or set OKOS_HOME to another\n"
    )
    assert machine.okos("status").returncode == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"OKOS_HOME": "/dev/null/home"}, "okos: OKOS_HOME /dev/null/home cannot be used: Not a directory"),
        ({"OKOS_HOME": "/proc/okos"}, "okos: OKOS_HOME /proc/okos cannot be used"),
        ({"OKOS_CONCURRENCY": "none"}, "okos: the setting concurrency is wrong"),
        ({"OKOS_HANDLERS": "nobodys_handlers"}, "nobodys_handlers"),
        ({"OKOS_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}, "okos: no server answers at redis://:…@127.0.0.1:1/0"),
    ],
)
def test_what_keeps_up_from_starting_is_told_in_one_line(machine: Machine, settings: dict[str, str], said: str) -> None:
    done = machine.okos("up", **settings)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not machine.processes()


def test_a_configured_server_is_used_and_left_alone(machine: Machine, wait_until: Wait, tmp_path: Path) -> None:
    with private_okos(tmp_path / "other", settings=Settings(namespace="other")) as okos:
        up = machine.up(OKOS_REDIS_URL=as_admin(okos.url))  # who connects there else may use the other namespace alone
        wait_until(machine.is_ready)
        assert "server" not in machine.children()

        up.terminate()

        assert up.wait(60) == 0
        okos.wait_ready()


def test_a_private_okos_survives_what_is_killed_in_it(tmp_path: Path, wait_until: Wait) -> None:
    with private_okos(tmp_path / "home", settings=Settings(lease_ms=1000), workers=2, scheduler=True) as okos:
        okos.wait_ready()
        first, second = okos.worker_pids

        okos.kill_worker(0)
        okos.kill_server()

        wait_until(lambda: len(okos.worker_pids) == 2 and okos.worker_pids[0] != first)
        assert okos.worker_pids[1] == second
        wait_until(lambda: okos.server_pid)
        okos.wait_ready()
        pids = [*okos.worker_pids, okos.server_pid]

    assert not any(is_alive(pid) for pid in pids if pid is not None)


def test_a_private_okos_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    with (
        private_okos(tmp_path / "home", settings=Settings(), handlers="nobodys_handlers") as okos,
        pytest.raises(PrivateOkosFailed, match="nobodys_handlers"),
    ):
        okos.wait_ready()


def test_a_private_okos_ends_when_it_is_killed(tmp_path: Path, wait_until: Wait) -> None:
    code = (
        "import signal, sys; from pathlib import Path; from okos.private import private_okos\n"
        "from okos.settings import Settings\n"
        "with private_okos(Path(sys.argv[1]), settings=Settings()) as okos:\n"
        "    okos.wait_ready(); print(okos.server_pid, *okos.worker_pids, flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]

        owner.kill()

    assert pids
    wait_until(lambda: not any(is_alive(pid) for pid in pids))

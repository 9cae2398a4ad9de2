"""Real workers under the stock `dramatiq` command, started, killed and read from outside."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import dramatiq
from real_server import eventually

from okos.child import reap, spawn
from okos.mailbox import MailboxBroker, StoreUnavailable
from okos.middleware import Retry, UserMutex

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

#: Of workers that live: no pause of the machine is as long.
LEASE_MS = 30_000
#: Of a worker that a test kills, freezes or cuts off. Others start when it is gone: none takes what it only holds late.
SHORT_LEASE_MS = 1500
OUTBOX = "outbox.test"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Line:
    """What a handler wrote."""

    at_s: float
    pid: int
    user: str
    number: int
    attempt: int
    what: str


def whole_lines(text: str) -> list[str]:
    """Split what another process is writing; its last line may be there in part."""
    return text[: text.rfind("\n") + 1].splitlines()


class Worker:
    """One `dramatiq` command with its processes, in a session of its own."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        self.child = child
        self._log = log

    def terminate(self) -> None:
        """Send what a service manager sends to stop it."""
        self.child.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until the command has ended, and return its status."""
        return self.child.wait(60)

    @property
    def said(self) -> str:
        """What it logged."""
        return self._log.read_text(errors="replace")

    @property
    def said_lines(self) -> list[str]:
        """What it logged, as lines; one that is being written is not read yet."""
        return whole_lines(self.said)


class Fleet:
    """The workers of one namespace, its publisher, and the journal of its handlers."""

    def __init__(self, url: str, namespace: str, directory: Path) -> None:
        self.directory = directory
        self.journal = directory / "journal"
        self.journal.touch()
        self.broker = MailboxBroker(url, namespace=namespace, lease_ms=LEASE_MS, middleware=[])
        self._options = {"url": url, "namespace": namespace, "journal": str(self.journal)}
        self._reader = MailboxBroker(
            url, namespace=namespace, lease_ms=LEASE_MS, client=True, middleware=[UserMutex(), Retry()]
        )
        self._replies: list[tuple[str, int]] = []
        dramatiq.actor(actor_name="deliver", queue_name=OUTBOX, broker=self._reader)(self._deliver)
        self._workers: list[Worker] = []
        self._logs: list[IO[bytes]] = []

    # -- workers -----------------------------------------------------------------------------------------------------

    def start(
        self,
        *,
        threads: int = 4,
        processes: int = 1,
        grace_ms: int = 20_000,
        rate: Mapping[str, float] | None = None,
        environment: Mapping[str, str] | None = None,
        app: str = "engine_app",
        lease_ms: int = LEASE_MS,
    ) -> Worker:
        """Start one command; returns when it is known to serve. `rate` holds the arguments of RateLimit."""
        known = {worker.id for worker in self.broker.workers()}
        worker = self.launch(
            threads=threads,
            processes=processes,
            grace_ms=grace_ms,
            rate=rate,
            environment=environment,
            app=app,
            lease_ms=lease_ms,
        )

        def serves() -> bool:
            assert worker.child.poll() is None, worker.said
            fresh = [one for one in self.broker.workers() if one.id not in known]
            return len(fresh) >= processes and all(len(one.queues) > 1 for one in fresh)

        eventually(serves)
        return worker

    def launch(
        self,
        *,
        threads: int = 4,
        processes: int = 1,
        grace_ms: int = 20_000,
        rate: Mapping[str, float] | None = None,
        environment: Mapping[str, str] | None = None,
        app: str = "engine_app",
        lease_ms: int = LEASE_MS,
    ) -> Worker:
        """Start one command and return at once: it may end before it was ever seen to serve."""
        options = self._options | {"lease_ms": lease_ms, "grace_ms": grace_ms, "rate": dict(rate or {})}
        path = self.directory / f"worker-{len(self._workers)}.log"
        log = path.open("wb")
        self._logs.append(log)
        child = spawn(
            [
                *(sys.executable, "-m", "dramatiq", app),
                *("--path", str(Path(__file__).parent), "--processes", str(processes), "--threads", str(threads)),
            ],
            output=log,
            environment={
                **os.environ,
                "ENGINE_APP": json.dumps(options),
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            },
            directory=ROOT,
        )
        worker = Worker(child, path)
        self._workers.append(worker)
        return worker

    def stop(self) -> None:
        """End all that still runs, whatever state it is in, and close what is open."""
        for worker in self._workers:
            reap(worker.child)
        for log in self._logs:
            log.close()
        self.broker.flush_all()
        self.broker.close()
        self._reader.close()

    def await_server(self) -> None:
        """Wait until the server answers on the publisher's connections."""

        def answers() -> bool:
            try:
                self.broker.ping()
            except StoreUnavailable:
                return False
            return True

        eventually(answers)

    # -- messages ----------------------------------------------------------------------------------------------------

    def send(
        self,
        actor: str,
        user: str,
        number: int,
        *,
        queue: str = "text",
        delay: int | None = None,
        options: dict[str, object] | None = None,
        **arguments: object,
    ) -> str:
        """Send a message to a user's mailbox; returns its id. `options` are Dramatiq's and the engine's."""
        message = self.message(actor, user, number, queue=queue, options=options, **arguments)
        return self.broker.enqueue(message, delay=delay).message_id

    def message(
        self,
        actor: str,
        user: str,
        number: int,
        *,
        queue: str = "text",
        options: dict[str, object] | None = None,
        **arguments: object,
    ) -> dramatiq.Message[None]:
        """Make a message and do not send it."""
        return dramatiq.Message(
            queue_name=queue,
            actor_name=actor,
            args=(user, number),
            kwargs=arguments,
            options={"mailbox": user, **(options or {})},
        )

    def gate(self, name: str = "gate") -> Path:
        """Name a gate: closed until somebody touches it."""
        return self.directory / name

    # -- what happened -----------------------------------------------------------------------------------------------

    def lines(self, *, user: str | None = None, what: str | None = None) -> list[Line]:
        """Read what the handlers wrote so far, in the order in which they did."""
        lines = [Line(*json.loads(line)) for line in whole_lines(self.journal.read_text())]
        return [line for line in lines if user in {None, line.user} and what in {None, line.what}]

    def await_lines(self, count: int, *, user: str | None = None, what: str | None = None) -> list[Line]:
        """Wait until so many lines were written, and read them."""
        eventually(lambda: len(self.lines(user=user, what=what)) >= count)
        return self.lines(user=user, what=what)

    def await_drained(self) -> None:
        """Wait until nothing waits or runs but the replies, which nobody fetches."""

        def is_drained() -> bool:
            stats = self.broker.stats()
            return stats.running == 0 and stats.waiting == self._count_waiting_replies()

        eventually(is_drained)

    def _count_waiting_replies(self) -> int:
        return sum(self.broker.mailbox(f"outbox.{user}", limit=1).length for user in {one.user for one in self.lines()})

    def replies(self) -> list[tuple[str, int]]:
        """Fetch the replies that wait in the outbox, as a client does; returns all that were ever fetched."""
        if self._count_waiting_replies():
            reader = dramatiq.Worker(self._reader, worker_timeout=20, worker_threads=4)
            reader.start()
            eventually(lambda: self._count_waiting_replies() == 0)
            reader.stop()
        return list(self._replies)

    def _deliver(self, user: str, number: int) -> None:
        self._replies.append((user, number))

    def assert_each_ended_once_in_order(self, users: Iterable[str], count: int) -> None:
        """Fail if anything was lost, doubled, reordered or overlapped; retries aside."""
        for user in users:
            lines = self.lines(user=user)
            ends = [line.number for line in lines if line.what == "end"]
            assert ends == list(range(count)), f"{user}: {ends}"
            running: int | None = None
            for line in lines:
                if line.what == "start":
                    assert running is None, f"{user}: {line.number} started while {running} ran"
                    running = line.number
                else:
                    assert running == line.number
                    running = None
        replies = Counter(self.replies())
        expected = Counter((user, number) for user in users for number in range(count))
        assert not expected - replies, f"lost: {expected - replies}"
        assert not replies - expected, f"doubled: {replies - expected}"

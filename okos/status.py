"""How an Okos does, as one reading: `okos status`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from okos.home import Running, read_running
from okos.mailbox import MailboxBroker, Stats, StoreUnavailable, WorkerSeen
from okos.server import live_url, shown
from okos.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A reading.

    Attributes:
        running: The `okos up` of this home; None if there is none (workers may run all the same).
        server: The address of the server, without its password; None if there is none.
        stats: What the engine holds; None if the server does not answer.
        workers: The worker processes that are alive, on any machine.
        reason: Why there are no stats, or no worker; empty if all is well.
    """

    home: str
    running: Running | None
    server: str | None
    stats: Stats | None
    workers: Sequence[WorkerSeen]
    reason: str

    @property
    def works(self) -> bool:
        """Whether a message that is sent now is handled."""
        return bool(self.workers)

    def as_dict(self) -> dict[str, object]:
        """The reading as JSON can hold it."""
        return asdict(self) | {"works": self.works}


def read_status(settings: Settings) -> Status:
    """Ask the server, if there is one."""
    stats, workers, reason = None, list[WorkerSeen](), ""
    url = live_url(settings)
    if url is None:
        reason = f"nothing runs in {settings.home}: start it with `okos up`"
    else:
        broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
        try:
            stats, workers = broker.stats(), broker.workers()
            if not workers:
                reason = "no worker is alive: start them with `okos up`, or `dramatiq okos.actors`"
        except StoreUnavailable as error:
            reason = str(error)
        finally:
            broker.close()
    return Status(
        home=str(settings.home),
        running=read_running(settings.home),
        server=None if url is None else shown(url),
        stats=stats,
        workers=workers,
        reason=reason,
    )


def describe(status: Status) -> str:
    """The reading as a person reads it, a line for each thing."""
    lines = [f"home      {status.home}"]
    if status.running is not None:
        children = ", ".join(f"{name} {pid or 'down'}" for name, pid in status.running.children.items())
        lines.append(f"okos up   pid {status.running.pid} ({children})")
    lines.append(f"server    {status.server or 'none'}")
    if status.stats is not None:
        lines.append(
            f"messages  {status.stats.waiting} waiting, {status.stats.running} running, {status.stats.dead} dead,"
            f" {status.stats.done} done"
        )
    lines += [
        f"worker    pid {worker.pid} on {worker.host}: {worker.in_hand} of {worker.threads} slots in use"
        for worker in status.workers
    ]
    if status.reason:
        lines.append(f"problem   {status.reason}")
    return "\n".join(lines)

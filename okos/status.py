"""How an Okos does, as one reading: `okos status`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from okos.home import Running, read_running
from okos.mailbox import MailboxBroker, Stats, StoreUnavailable, WorkerSeen
from okos.operate.gateway import GatewaySeen, read_gateway
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
        paused: Whether everything is.
        gateway: The gateway of the bot, on any machine; None without a bot's token, or if the server does not answer.
        reason: Why there are no stats, or no worker; empty if all is well.
    """

    home: str
    running: Running | None
    server: str | None
    stats: Stats | None
    workers: Sequence[WorkerSeen]
    paused: bool
    gateway: GatewaySeen | None
    reason: str

    @property
    def works(self) -> bool:
        """Whether a worker is alive. It says nothing of a pause, which somebody meant, nor of the gateway."""
        return bool(self.workers)

    @property
    def problems(self) -> list[str]:
        """What keeps people from being answered, each with what to do."""
        found = [self.reason] if self.reason else []
        if self.paused:
            found.append("everything is paused, so nothing starts: `okos audit` says who did it, `okos resume` ends it")
        if self.gateway is not None and self.gateway.holder is None:
            found.append(
                "no gateway serves the bot: start it with `okos up` or `okos gateway`; `okos doctor` says more"
            )
        elif self.gateway is not None and not self.gateway.online:
            found.append("the gateway has no line to Telegram: its log says why, and `okos doctor` looks for it")
        return found

    def as_dict(self) -> dict[str, object]:
        """The reading as JSON can hold it."""
        gateway = None if self.gateway is None else asdict(self.gateway) | {"online": self.gateway.online}
        return asdict(self) | {"gateway": gateway, "works": self.works, "problems": self.problems}


def read_status(settings: Settings) -> Status:
    """Ask the server, if there is one."""
    gauges, gateway, reason = None, None, ""
    url = live_url(settings)
    if url is None:
        reason = f"nothing runs in {settings.home}: start it with `okos up`"
    else:
        broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
        try:
            gauges, gateway = broker.gauges(), read_gateway(broker, settings)
            if not gauges.workers:
                reason = "no worker is alive: start them with `okos up`, or `dramatiq okos.actors`"
        except StoreUnavailable as error:
            reason = str(error)
        finally:
            broker.close()
    return Status(
        home=str(settings.home),
        running=read_running(settings.home),
        server=None if url is None else shown(url),
        stats=None if gauges is None else gauges.stats,
        workers=() if gauges is None else gauges.workers,
        paused=gauges is not None and gauges.paused,
        gateway=gateway,
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
    if status.gateway is not None and status.gateway.holder is not None:
        lines.append(f"gateway   {_shown(status.gateway, status.gateway.holder)}")
    lines += [f"problem   {problem}" for problem in status.problems]
    return "\n".join(lines)


def _shown(gateway: GatewaySeen, holder: str) -> str:
    host, pid, *_ = [*holder.split("/"), "?"]
    bot = f"@{gateway.state['bot']}" if gateway.state.get("bot") else f"bot {gateway.bot_id}"
    return f"pid {pid} on {host}: {'connected' if gateway.online else 'not connected'} as {bot}"

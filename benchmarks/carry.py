"""What a message costs one server, measured: CPU to publish, to claim and settle, and memory while it waits.

The transitions are called as workers call them (a settle and a claim in one step), with nothing else around, so that
any number of mailboxes can be held by one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq
import redis

from benchmarks.contestant import FIXED_KEYS
from benchmarks.figure import Figures
from benchmarks.server import running_server
from okos.mailbox import MailboxBroker
from okos.mailbox.publication import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY_BYTES = 1024
BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried(Figures):
    """What one message cost among so many waiting mailboxes.

    Attributes:
        mailboxes: That had one message each.
        batch: Messages claimed and settled in one round trip.
        publish_us: CPU of the server, a call each.
        run_us: CPU of the server for claim and settle.
        memory_bytes: That the server grew by per waiting message.
        network_bytes: To and from the server, from publish to end.
        log_bytes: That its append-only file grew by, from publish to end.
        ended_bytes: That the server is larger by, per message, when all have just ended: for a while it remembers each.
        idle_bytes: What the keys that nothing will expire take then, per mailbox, without those there are once for all.
    """

    mailboxes: int
    batch: int
    publish_us: float
    run_us: float
    memory_bytes: float
    network_bytes: float
    log_bytes: float
    ended_bytes: float
    idle_bytes: float


def carry(mailboxes: int, batch: int = BATCH) -> Carried:
    """Publish one message to each mailbox, then claim and settle them all."""
    with running_server() as server, redis.Redis.from_url(server.url) as client:
        # A rewrite of the append-only file costs what it costs at any time; not in the middle of this.
        client.config_set("auto-aof-rewrite-percentage", "0")
        broker = MailboxBroker(server.url, middleware=[])
        before, empty_bytes, sent_before = server.counters(), server.used_bytes(), _sent(client)
        for number in range(mailboxes):
            broker.store.publish(prepare(_message(number)))
        published, full_bytes = server.counters(), server.used_bytes()
        drained = sum(_drain(broker, batch))
        after, sent_after = server.counters(), _sent(client)
        ended_bytes = server.used_bytes()
        idle_bytes = server.bytes_of(set(server.lasting_keys()) - FIXED_KEYS)
        broker.close()
    if drained != mailboxes:
        raise RuntimeError(f"{drained} of {mailboxes} messages came back")
    return Carried(
        contestant="okos",
        mailboxes=mailboxes,
        batch=batch,
        publish_us=published.since(before).cpu_us / mailboxes,
        run_us=after.since(published).cpu_us / mailboxes,
        memory_bytes=(full_bytes - empty_bytes) / mailboxes,
        network_bytes=(sent_after[0] - sent_before[0]) / mailboxes,
        log_bytes=(sent_after[1] - sent_before[1]) / mailboxes,
        ended_bytes=(ended_bytes - empty_bytes) / mailboxes,
        idle_bytes=idle_bytes / mailboxes,
    )


def _message(number: int) -> dramatiq.Message[Any]:  # Any: whatever an actor returns
    options = {"mailbox": f"telegram:{number + 10**9}"}
    bare: dramatiq.Message[Any] = dramatiq.Message(
        queue_name="text", actor_name="text", args=("",), kwargs={}, options=options, message_id=f"{number:032x}"
    )
    return bare.copy(args=("x" * (BODY_BYTES - len(bare.encode())),))


def _drain(broker: MailboxBroker, batch: int) -> Iterator[int]:
    """Yield how many each round trip settled."""
    held: list[tuple[str, str]] = []
    sequence = 0
    while True:
        sequence += 1
        settle: list[bytes | str | int | float] = ["bench", f"s{sequence}", 0, 1000, len(held)]
        for message_id, token in held:
            settle += [message_id, token, "done"]
        claim: list[bytes | str | int | float] = [
            "bench",
            f"c{sequence}",
            batch,
            256 * 1024,
            15_000,
            "0123456789abcdef",
            1,
            2,
            1,
            "text",
        ]
        if held:
            _, (_, _, items) = broker.store.call("exchange", len(settle), *settle, *claim)
        else:
            _, _, items = broker.store.call("claim", *claim)
        yield len(held)
        held = [(item[0].decode(), item[1].decode()) for item in items]
        if not held:
            return


def _sent(client: redis.Redis) -> tuple[int, int]:
    """Return the bytes that went over the network so far, and those in the append-only file."""
    info = client.info("everything")
    return info["total_net_input_bytes"] + info["total_net_output_bytes"], info["aof_current_size"]

"""What goes over the wire for each attempt: a claimed message on its way in, a decision on its way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq

from okos.mailbox.decision import Ack, Dead, Decision, Defer, Release, Retry
from okos.mailbox.delivery import Claimed, Delivery
from okos.mailbox.publication import MOST_COST, MOST_MS
from okos.mailbox.reading import Unreadable, kept, message_or_none, read_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.mailbox.store import Argument


@dataclass(frozen=True, slots=True)
class Settlement:
    """One decision on its way, already in the form in which it travels."""

    delivery: Delivery
    argv: list[Argument]
    size_bytes: int


def encode(delivery: Delivery, decision: Decision) -> list[Argument]:
    """Put a decision into the form that the settle script reads."""
    delivery.run.close()
    match decision:
        case Ack(cost):
            op, delay, error, trace = "ack", 0, "", ""
            effects = delivery.run.committed_with_ack()
            real_cost: float | None = cost if cost is not None else delivery.run.cost
        case Retry(delay, error, trace):
            op, effects, real_cost = "retry", [], delivery.run.cost
        case Dead(error, trace):
            op = "told" if delivery.run.tells() else "dead"
            delay, effects, real_cost = 0, delivery.run.committed_with_burial(), delivery.run.cost
        case Release(started):
            op, delay, error, trace = "release" if started else "unstarted", 0, "", ""
            effects, real_cost = [], delivery.run.cost
        case Defer(delay):
            op, error, trace, effects, real_cost = "defer", "", "", [], delivery.run.cost
    claimed = delivery.claimed
    if op == "ack" and not effects and real_cost is None:
        return [claimed.id, claimed.token, "done"]
    argv: list[Argument] = [
        claimed.id,
        claimed.token,
        op,
        int(min(max(0, float(delay)), MOST_MS)),  # a handler's own may be infinite, or none at all
        "" if real_cost is None or not 0 <= real_cost <= MOST_COST else real_cost,
        # an exception may quote text that is no Unicode
        error.encode("utf-8", "backslashreplace"),
        trace.encode("utf-8", "backslashreplace"),
        len(effects),
    ]
    for effect in effects:
        argv += effect.argv()
    return argv


def burial(delivery: Delivery, error: Exception) -> list[Argument]:
    """Make the settlement of a message whose own cannot be sent or taken."""
    reason = f"cannot be settled: {error}".encode("utf-8", "backslashreplace")
    return [delivery.claimed.id, delivery.claimed.token, "dead", 0, "", reason, b"", 0]


def read_claimed(item: Sequence[Any]) -> Claimed:  # Any: Redis' reply
    """Read one started message of the claim script's reply; what few messages have is there only for those."""
    retries, stalls, suspect, epoch, merged = item[6:] or (0, 0, 0, 0, ())
    return Claimed(
        id=kept(item[0]),
        token=kept(item[1]),
        body=item[2],
        mailbox=kept(item[3]),
        waited_ms=item[4],
        attempt=item[5],
        retries=retries,
        stalls=stalls,
        suspect=bool(suspect),
        epoch=epoch,
        merged=tuple(merged),
    )


def read_delivery(claimed: Claimed, deadline: float) -> Delivery:
    """Decode a message. One that cannot be read is buried at once: no worker ever could."""
    try:
        message = read_body(claimed.body)
    except Unreadable as error:
        unreadable: dramatiq.Message[Any] = dramatiq.Message(
            queue_name="", actor_name="", args=(), kwargs={}, options={}, message_id=claimed.id
        )
        delivery = Delivery(unreadable, claimed, deadline=deadline)
        delivery.decision = Dead(f"the message cannot be read: {error}")
        return delivery
    # what was merged is the engine's to say
    message.options.pop("merged", None)
    if claimed.merged:
        message.options["merged"] = [_arguments(body) for body in claimed.merged]
    return Delivery(message, claimed, deadline=deadline)


def _arguments(body: bytes) -> dict[str, Any] | None:  # Any: whatever was sent
    merged = message_or_none(body)
    if merged is None:
        return None
    return {"args": list(merged.args), "kwargs": merged.kwargs, "message_id": merged.message_id}

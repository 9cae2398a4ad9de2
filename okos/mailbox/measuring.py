"""What a worker's heartbeat does about measures: writes what its process gathered, and, if it sweeps, the history."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from redis.exceptions import ResponseError

from okos.mailbox.measures import BUCKETS, field_of
from okos.mailbox.store import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    from okos.mailbox.meter import Meter
    from okos.mailbox.store import Argument, Store

#: Totals that the history keeps; others are only added up.
KEPT_TOTALS = ("prompt_tokens", "completion_tokens")

#: The measures that the history keeps, by their fields.
KEPT = (
    *(field_of(kind, part) for kind in ("wait", "run") for part in (*range(BUCKETS), "sum")),
    *(field_of("total", name) for name in KEPT_TOTALS),
)


@runtime_checkable
class Measuring(Protocol):
    """A middleware that measures: `okos.middleware.Metrics`.

    Attributes:
        meter: Where it adds up.
        watched: Queues whose oldest message is of interest, though no worker serves them.
    """

    meter: Meter
    watched: tuple[str, ...]


def measure(store: Store, meter: Meter, *, process: str, client: redis.Redis | None = None) -> None:
    """Write what a process gathered since the last time, once, however often this has to be repeated.

    Raises:
        StoreUnavailable: No answer; the next call writes the same again.
    """
    gathered = meter.gather()
    if gathered is None:
        return
    argv: list[Argument] = [process, gathered.sequence, len(gathered.fields)]
    for field, by in gathered.fields.items():
        argv += [field, by]
    for failure in gathered.failures:
        said = {
            "attempt": failure.attempt,
            "outcome": failure.outcome,
            "run_ms": failure.run_ms,
            "process": process,
            "error": failure.error,
        }
        ago_ms = max(0, round((time.monotonic() - failure.ended_at) * 1000))
        argv += [failure.message_id, ago_ms, json.dumps(said)]
    store.call("measure", *argv, client=client)
    meter.written()


def sample(store: Store, watched: Sequence[str], *, client: redis.Redis | None = None) -> None:
    """Write the history once.

    Args:
        store: Where the mailboxes are.
        watched: Queues whose oldest message counts, though no worker serves them.
        client: A connection of the caller's own.

    Raises:
        StoreUnavailable: No answer.
    """
    memory: Argument = ""
    cpu_ms: Argument = ""
    facts = server_facts(client or store.client)
    if facts is not None:
        memory = int(cast("int", facts.get("used_memory", 0)))
        cpu_ms = cpu_ms_of(facts)
    store.call("sample", memory, cpu_ms, len(KEPT), *KEPT, *watched, client=client)


def server_facts(client: redis.Redis) -> dict[str, object] | None:
    """Ask the server about itself; None when it does not let this user know.

    Raises:
        StoreUnavailable: No answer.
    """
    with translated():
        try:
            return dict(client.info())
        except ResponseError:  # also of an ACL: NOPERM is one
            return None


def cpu_ms_of(facts: dict[str, object]) -> int:
    """Read what CPU the server has used since it started."""
    used_s = sum(float(cast("float", facts.get(name, 0))) for name in ("used_cpu_sys", "used_cpu_user"))
    return round(used_s * 1000)

"""Whether Okos is well: the store answers; and a message that is sent now is handled, which sending one shows.

The canary is housekeeping: it is asked for first, heeds no pause and no rate, is in no count, and leaves nothing. It
goes the way of every message: published, claimed by a worker, run by an actor, settled.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dramatiq

from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from okos.mailbox import MailboxBroker

NAME = "canary"
QUEUE = "maintenance"
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the store answers; `reason` is empty if it does."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a message is handled, why not, and how long it took; also ready when all slots are busy working."""

    ready: bool
    reason: str
    took_ms: int


def check_health(broker: MailboxBroker) -> Health:
    """Ask the store for an answer."""
    try:
        broker.ping()
    except StoreUnavailable as error:
        return Health(ok=False, reason=str(error))
    return Health(ok=True)


class Canary:
    """Sends a message through a worker and waits for it, one at a time, and not more often than it is worth.

    Args:
        broker: Of the system that is asked.
        timeout_s: A canary that has not ended by then has not arrived.
        keep_s: For so long an answer holds, so that whoever probes costs little.
    """

    def __init__(self, broker: MailboxBroker, *, timeout_s: float = 5.0, keep_s: float = 5.0) -> None:
        self._broker = broker
        self._timeout_s = timeout_s
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._kept: tuple[float, Readiness] | None = None

    def check(self) -> Readiness:
        """Say whether a message that is sent now is handled."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] >= self._keep_s:
                found = self._send()
                self._kept = (time.monotonic(), found)
            return self._kept[1]

    def _send(self) -> Readiness:
        begun = time.monotonic()
        message_id = f"{NAME}-{secrets.token_hex(8)}"
        try:
            self._broker.enqueue(self._message(message_id))
            while not self._has_ended(message_id):
                if time.monotonic() - begun >= self._timeout_s:
                    return self._missed(message_id, begun)
                time.sleep(_LOOK_S)
        except StoreUnavailable as error:
            return Readiness(ready=False, reason=str(error), took_ms=_since_ms(begun))
        return Readiness(ready=True, reason="", took_ms=_since_ms(begun))

    def _message(self, message_id: str) -> dramatiq.Message[None]:
        options = {
            "mailbox": f"{QUEUE}:{message_id}",
            "housekeeping": True,
            "max_retries": 0,
            "expires": round(self._timeout_s * 2000),
        }
        return dramatiq.Message(
            queue_name=QUEUE, actor_name=NAME, args=(), kwargs={}, options=options, message_id=message_id
        )

    def _has_ended(self, message_id: str) -> bool:
        detail = self._broker.message(message_id)
        return detail is None or detail.state in {"ended", "done"}

    def _missed(self, message_id: str, begun: float) -> Readiness:
        """Say why a canary has not come back, and call it back."""
        detail = self._broker.message(message_id)
        with suppress(StoreUnavailable):
            self._broker.cancel(message_id, reason="nobody waits for it any more")
        workers = self._broker.workers()
        slots, in_hand = sum(one.threads for one in workers), sum(one.in_hand for one in workers)
        if detail is not None and detail.state == "dead":
            self._broker.discard([message_id])
            reason = f"the message that was sent to see failed: {detail.error}"
        elif not workers:
            reason = "no worker is alive"
        elif in_hand >= slots:
            return Readiness(ready=True, reason=f"all {slots} slots are busy", took_ms=_since_ms(begun))
        else:
            reason = f"a message was not handled within {self._timeout_s:g} s, though {len(workers)} workers are alive"
        return Readiness(ready=False, reason=reason, took_ms=_since_ms(begun))


def _since_ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)

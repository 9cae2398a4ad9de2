"""What a handler wants done, collected during its run and written by the settle that ends it: all of it, or nothing.

A run keeps two lists. The handler's effects are committed with an ack, the policy's (an apology, a follow-up on
failure) with a burial. A retry, a release or a lost lease commits neither: the next attempt makes its own, with the
same ids, for an id is derived from the message and the effect's number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.mailbox.errors import BadMessage
from okos.mailbox.publication import MOST_MS, MOST_NAME_BYTES, Publication, name, prepare

if TYPE_CHECKING:
    import dramatiq

MOST_EFFECTS = 256
MOST_EFFECT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Publish:
    """Enqueue a message."""

    publication: Publication

    def argv(self) -> list[bytes | str | int | float]:
        """Return the effect as the settle script reads it."""
        return ["publish", *self.publication.argv()]


@dataclass(frozen=True, slots=True)
class Append:
    """Append to a stored list, of which the last `keep` values stay; the list ends `ttl_ms` after its last change."""

    name: str
    value: bytes
    keep: int
    ttl_ms: int

    def argv(self) -> list[bytes | str | int | float]:
        """Return the effect as the settle script reads it."""
        return ["append", self.name, self.value, self.keep, self.ttl_ms]


@dataclass(frozen=True, slots=True)
class Put:
    """Replace a stored value, which ends after `ttl_ms`."""

    name: str
    value: bytes
    ttl_ms: int

    def argv(self) -> list[bytes | str | int | float]:
        """Return the effect as the settle script reads it."""
        return ["put", self.name, self.value, self.ttl_ms]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a stored value or list."""

    name: str

    def argv(self) -> list[bytes | str | int | float]:
        """Return the effect as the settle script reads it."""
        return ["delete", self.name]


Effect = Publish | Append | Put | Delete


def derived_id(message_id: str, epoch: int, purpose: str, index: int) -> str:
    """Name the effect number `index` of a run: the same for every attempt of the same message."""
    seed = "\x00".join([message_id, str(epoch), purpose, str(index)])
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Run:
    """One attempt as its handler sees it, found by `okos.mailbox.current_run()`; of no use after the handler has ended.

    Attributes:
        attempt: 1 for the first run. One whose process died counts, one that was given back (a shutdown) does not.
        token: The right of this attempt; a preview carries it, so that an older attempt's are told apart.
        on_dead_options: What a middleware wants the message of `on_dead` to carry, too.
    """

    def __init__(self, *, message_id: str, mailbox: str, token: str, attempt: int, epoch: int = 0) -> None:
        self.message_id = message_id
        self.mailbox = mailbox
        self.token = token
        self.attempt = attempt
        self.cost: float | None = None
        self.on_dead_options: dict[str, str] = {}
        self._epoch = epoch
        self.closed = False
        self._effects: list[Effect] = []
        self._apology: list[Effect] = []
        self._failed = False
        self._bytes = 0
        self._made = 0

    def append(self, name: str, value: bytes, *, keep: int, ttl_ms: int) -> None:
        """Append to a stored list with the ack; the list keeps its last `keep` values."""
        self._add(Append(_name(name), _bytes(value), _whole("keep", keep), _whole("ttl_ms", ttl_ms)), len(value))

    def put(self, name: str, value: bytes, *, ttl_ms: int) -> None:
        """Replace a stored value with the ack."""
        self._add(Put(_name(name), _bytes(value), _whole("ttl_ms", ttl_ms)), len(value))

    def delete(self, name: str) -> None:
        """Delete a stored value or list with the ack."""
        self._add(Delete(_name(name)), 0)

    def next_id(self) -> str:
        """Name the next message that this run sends."""
        self._made += 1
        return derived_id(self.message_id, self._epoch, "policy" if self._failed else "effect", self._made)

    def publish(self, publication: Publication) -> None:
        """Enqueue with the ack; after the handler has failed, with the burial instead."""
        self._add(Publish(publication), len(publication.body))

    def on_dead(self, message: dramatiq.Message[Any]) -> None:
        """Enqueue `message` only if this attempt ends as a dead letter. The last call counts."""
        named_id = derived_id(self.message_id, self._epoch, "on_dead", 1)
        named = message.copy(message_id=named_id, options=self.on_dead_options)
        self._apology = [Publish(prepare(named))]

    def close(self) -> None:
        """End the collecting: what a task that outlives its handler sends is a message of its own."""
        self.closed = True

    def handler_failed(self) -> None:
        """From here on what is enqueued is the policy's: its on_failure messages, not the handler's work."""
        if not self._failed:
            self._failed = True
            self._made = 0
            self._effects = []
            self._bytes = 0

    def committed_with_ack(self) -> list[Effect]:
        """Return the handler's effects, or none if it failed."""
        # a copy: a task that the handler left behind may be adding one while these are written down
        return [] if self._failed else [*self._effects]

    def committed_with_burial(self) -> list[Effect]:
        """Return the policy's effects."""
        return [*self._apology, *(self._effects if self._failed else [])]

    def tells(self) -> bool:
        """Say whether the handler has left an apology of its own; else the one prepared at publish goes out."""
        return bool(self._apology)

    def _add(self, effect: Effect, size_bytes: int) -> None:
        if len(self._effects) >= MOST_EFFECTS:
            raise BadMessage(f"a run may have at most {MOST_EFFECTS} effects; split the work into several messages")
        if self._bytes + size_bytes > MOST_EFFECT_BYTES:
            raise BadMessage(
                f"the effects of a run may have at most {MOST_EFFECT_BYTES:,} bytes together; "
                "store large values first and send their names"
            )
        self._bytes += size_bytes
        self._effects.append(effect)


# What a settle cannot take is refused here, while the handler can still be told: nothing is rolled back there.


def _name(value: str) -> str:
    if not value:
        raise BadMessage(f"a stored value needs a name of 1 to {MOST_NAME_BYTES} bytes")
    return name("the name of a stored value", value)


def _bytes(value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise BadMessage(f"a stored value must be bytes, not {type(value).__name__}")
    return value


def _whole(what: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_MS:
        raise BadMessage(f"{what} must be a whole number from 1 to {MOST_MS:,}, not {value!r}")
    return value

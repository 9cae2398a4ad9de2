"""A message as it is put in: what the engine reads of its options, and how it travels to the publish script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq

from okos.mailbox.errors import BadMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A message without a mailbox is alone: its mailbox is its id behind this mark, which no named mailbox may start with.
ALONE = "~"

#: A dedup id is remembered for a week, long enough for every channel to have stopped repeating itself.
DEDUP_TTL_MS = 7 * 86_400_000

MOST_BODY_BYTES = 8 * 1024 * 1024
MOST_NAME_BYTES = 512

HIGH, NORMAL, LOW = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message on its way in. Durations in ms; 0 and "" mean none.

    Attributes:
        delay_ms: Outside its mailbox until then; joins the tail when due and blocks nobody meanwhile.
        hold_ms: Takes its place now and cannot start before; what is behind it waits.
        expires_ms: Cancelled by the sweep if it still waits then.
        max_backlog: Refused if the mailbox holds this many already.
        on_dead: Enqueued by whatever buries this message, unless the worker's own policy effects come with the burial.
    """

    id: str
    mailbox: str
    queue: str
    band: int
    body: bytes
    cost: float
    delay_ms: int = 0
    hold_ms: int = 0
    dedup_id: str = ""
    dedup_ttl_ms: int = DEDUP_TTL_MS
    expires_ms: int = 0
    max_backlog: int = 0
    on_dead: Publication | None = None

    def argv(self) -> list[bytes | str | int | float]:
        """Return the fields in the order in which `_publish.lua` reads them."""
        fields: list[bytes | str | int | float] = [
            self.id,
            self.mailbox,
            self.queue,
            self.band,
            self.body,
            self.cost,
            self.delay_ms,
            self.hold_ms,
            self.dedup_id,
            self.dedup_ttl_ms,
            self.expires_ms,
            self.max_backlog,
        ]
        if self.on_dead is None:
            fields.append("0")
        else:
            fields.append("1")
            fields += self.on_dead.argv()
        return fields


def band_of(priority: object) -> int:
    """Map Dramatiq's priority (lower is more urgent) to a band: below 0 high, 0 normal, above 0 low."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise BadMessage(f"priority must be a whole number, not {priority!r}")
    return HIGH if priority < 0 else LOW if priority > 0 else NORMAL


def prepare(
    message: dramatiq.Message[Any],
    *,
    delay_ms: int = 0,
    actor_options: Mapping[str, Any] | None = None,  # Any: Dramatiq's own type for options
    actor_priority: int = 0,
) -> Publication:
    """Read a message's options into a publication. A message's option goes before its actor's.

    Raises:
        BadMessage: An option has a value that the engine cannot keep; says which and what is allowed.
    """
    options = message.options
    defaults = actor_options or {}

    def option(name: str, default: Any) -> Any:  # Any: options are open in Dramatiq
        value = options.get(name)
        return defaults.get(name, default) if value is None else value

    mailbox = option("mailbox", None)
    if mailbox is None:
        mailbox = ALONE + message.message_id
    elif not isinstance(mailbox, str) or not mailbox or mailbox.startswith(ALONE):
        raise BadMessage(f"mailbox must be a text that is not empty and does not start with {ALONE!r}, not {mailbox!r}")
    for name, value in (
        ("mailbox", mailbox),
        ("message_id", message.message_id),
        ("queue", message.queue_name),
    ):
        if len(value.encode("utf-8", "surrogatepass")) > MOST_NAME_BYTES:
            raise BadMessage(f"{name} is longer than {MOST_NAME_BYTES} bytes: {value[:40]!r}…")
    cost = option("cost", 1)
    if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 <= cost < 1e9:
        raise BadMessage(f"cost must be a number from 0 up, not {cost!r}")
    dedup_id = option("dedup_id", "")
    if not isinstance(dedup_id, str) or len(dedup_id) > MOST_NAME_BYTES:
        raise BadMessage(f"dedup_id must be a text of at most {MOST_NAME_BYTES} characters, not {dedup_id!r}")
    on_dead = options.get("on_dead")
    if on_dead is not None and not isinstance(on_dead, dramatiq.Message):
        raise BadMessage(f"on_dead must be a message, not {on_dead!r}")
    if on_dead is not None:
        message = message.copy()
        del message.options["on_dead"]
    body = message.encode()
    if len(body) > MOST_BODY_BYTES:
        raise BadMessage(f"the message has {len(body):,} bytes; {MOST_BODY_BYTES:,} are the most a message may have")
    return Publication(
        id=message.message_id,
        mailbox=mailbox,
        queue=message.queue_name,
        band=band_of(option("priority", actor_priority)),
        body=body,
        cost=cost,
        delay_ms=_duration("delay", delay_ms),
        hold_ms=_duration("hold", option("hold", 0)),
        dedup_id=dedup_id,
        dedup_ttl_ms=_duration("dedup_ttl", option("dedup_ttl", DEDUP_TTL_MS)) or DEDUP_TTL_MS,
        expires_ms=_duration("expires", option("expires", 0)),
        max_backlog=_duration("max_backlog", option("max_backlog", 0)),
        on_dead=None if on_dead is None else prepare(on_dead),
    )


def _duration(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e13:
        raise BadMessage(f"{name} must be a number from 0 up, not {value!r}")
    return int(value)

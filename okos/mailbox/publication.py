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
MOST_COST = 1_000_000_000
MOST_STALLS = 1_000_000
#: Three hundred years; sums of instants stay exact in a double, which is what the server counts in.
MOST_MS = 10_000_000_000_000

HIGH, NORMAL, LOW, ASIDE = 0, 1, 2, 3

#: A full mailbox refuses a message, drops its oldest one that has not started, or merges the message into its last one.
ON_FULL = ("reject", "drop_oldest", "coalesce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message on its way in. Durations in ms; 0 and "" mean none.

    Attributes:
        delay_ms: Outside its mailbox until then; joins the tail when due and blocks nobody meanwhile.
        hold_ms: Takes its place now and cannot start before; what is behind it waits.
        expires_ms: Cancelled by the sweep if it still waits then.
        max_backlog: What the mailbox may hold; `on_full` says what happens beyond.
        on_full: One of ON_FULL.
        latest_wins: Cancels what its mailbox holds, running or waiting, before it joins.
        strict: Runs alone in its mailbox, in its order, however wide the window is.
        max_stalls: Its own; 0 for the workers'.
        on_dead: Enqueued by whatever buries this message, unless its handler left one for that (`run.on_dead`).
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
    on_full: str = "reject"
    actor: str = ""
    latest_wins: bool = False
    strict: bool = False
    max_stalls: int = 0
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
            self.on_full,
            self.actor,
            int(self.latest_wins),
            int(self.strict),
            self.max_stalls,
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
    defaults = actor_options or {}

    def option(name: str, default: Any) -> Any:  # Any: options are open in Dramatiq
        value = message.options.get(name)
        return defaults.get(name, default) if value is None else value

    on_dead = message.options.get("on_dead")
    if on_dead is not None and not isinstance(on_dead, dramatiq.Message):
        raise BadMessage(f"on_dead must be a message, not {on_dead!r}")
    return Publication(
        id=name("message_id", message.message_id),
        mailbox=_mailbox(message, option("mailbox", None)),
        queue=name("queue_name", message.queue_name),
        band=ASIDE if option("housekeeping", None) else band_of(option("priority", actor_priority)),
        body=_body(message),
        cost=_cost(option("cost", 1)),
        delay_ms=_whole("delay", delay_ms),
        hold_ms=_whole("hold", option("hold", 0)),
        dedup_id=name("dedup_id", option("dedup_id", "")),
        dedup_ttl_ms=_whole("dedup_ttl", option("dedup_ttl", DEDUP_TTL_MS)) or DEDUP_TTL_MS,
        expires_ms=_whole("expires", option("expires", 0)),
        max_backlog=_whole("max_backlog", option("max_backlog", 0)),
        on_full=_on_full(option("on_full", "reject")),
        actor=name("actor_name", message.actor_name),
        latest_wins=bool(option("latest_wins", None)),
        strict=bool(option("strict", None)),
        max_stalls=_stalls(option("max_stalls", None)),
        on_dead=None if on_dead is None else prepare(on_dead),
    )


def _mailbox(message: dramatiq.Message[Any], key: object) -> str:
    if key is None:
        return ALONE + message.message_id
    if not isinstance(key, str) or not key or key.startswith(ALONE):
        raise BadMessage(f"mailbox must be a text that is not empty and does not start with {ALONE!r}, not {key!r}")
    return name("mailbox", key)


def _body(message: dramatiq.Message[Any]) -> bytes:
    if "on_dead" in message.options:
        # It travels beside the message, not inside.
        message = message.copy()
        del message.options["on_dead"]
    body = message.encode()
    if len(body) > MOST_BODY_BYTES:
        raise BadMessage(f"the message has {len(body):,} bytes; {MOST_BODY_BYTES:,} are the most a message may have")
    return body


def name(what: str, value: object) -> str:
    """Check a name: text of at most MOST_NAME_BYTES bytes.

    Raises:
        BadMessage: It is something else.
    """
    if not isinstance(value, str):
        raise BadMessage(f"{what} must be a text, not {value!r}")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        raise BadMessage(f"{what} is not Unicode text: {value[:40]!r}") from None
    if size_bytes > MOST_NAME_BYTES:
        raise BadMessage(f"{what} is longer than {MOST_NAME_BYTES} bytes: {value[:40]!r}…")
    return value


def _cost(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MOST_COST:
        raise BadMessage(f"cost must be a number from 0 to {MOST_COST:,}, not {value!r}")
    return value


def _whole(what: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MOST_MS:
        raise BadMessage(f"{what} must be a number from 0 to {MOST_MS:,}, not {value!r}")
    return int(value)


def _stalls(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_STALLS:
        raise BadMessage(f"max_stalls must be a whole number from 1 to {MOST_STALLS:,}, not {value!r}")
    return value


def _on_full(value: object) -> str:
    if value not in ON_FULL:
        raise BadMessage(f"on_full must be one of {', '.join(ON_FULL)}, not {value!r}")
    return str(value)

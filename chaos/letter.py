"""The messages of a storm: what is in one, and the order in which they are written, from the seed alone."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dramatiq

#: Handled at once; fails its first attempt; fails always; in its first attempt takes its OS process down, or hangs.
WELL, SHAKY, DOOMED, DEADLY, HUNG = "well", "shaky", "doomed", "deadly", "hung"
#: What hangs is given up a few seconds after this; in its other attempts it takes no longer than the second.
HUNG_LIMIT_MS, HUNG_MOST_MS = 500, 50

OUTBOX = "outbox.chaos"
QUEUES = ("threads", "coroutines")
DAY_MS = 86_400_000

#: Mailboxes of this name take only delayed messages, whose order is that of their dues.
LATER = "later"


def commits_of(user: str) -> str:
    """Name the stored list to which each ack of this user's messages adds a line."""
    return f"commits:{user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message. `seq` counts within its user, from 0."""

    user: str
    seq: int
    actor: str
    how: str
    ms: int
    priority: int = 0
    delay_ms: int = 0

    @property
    def id(self) -> str:
        """Its message id."""
        return f"{self.user}-{self.seq}"

    @property
    def is_strict(self) -> bool:
        """Whether it starts in the order of its seq."""
        return not self.user.startswith(LATER)

    def message(self) -> dramatiq.Message[Any]:  # Any: what the actor would return
        """Put it into the form in which it is sent."""
        options: dict[str, Any] = {"mailbox": self.user, "priority": self.priority}  # Any: options are open
        if self.how == DOOMED:
            options["max_retries"] = 1
        if self.how == HUNG:
            options["time_limit"] = HUNG_LIMIT_MS
        return dramatiq.Message(
            queue_name="coroutines" if self.actor == "work_async" else "threads",
            actor_name=self.actor,
            args=(self.user, self.seq, self.how, self.ms),
            kwargs={},
            options=options,
            message_id=self.id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Of what kinds the messages are; shares of all, from 0 to 1.

    Attributes:
        most_ms: Handlers take from 0 to this.
        burst: A user writes up to so many in a row.
        slow: Share of handlers that take from 0 to `slow_ms`.
        later: Share of messages that are delayed, up to `later_ms`.
        unknown: Share that only the newest workers know.
        is_once: Every message is of a user of its own.
    """

    users: int = 40
    most_ms: int = 20
    burst: int = 8
    slow: float = 0.02
    slow_ms: int = 2_000
    coroutines: float = 0.4
    shaky: float = 0.05
    doomed: float = 0.003
    later: float = 0.05
    later_ms: int = 5_000
    unknown: float = 0.0
    is_once: bool = False


def letters(seed: int, mix: Mix) -> Iterator[Letter]:
    """Write letters without end."""
    chance = random.Random(f"{seed}:letters")
    written: Counter[str] = Counter()
    while True:
        is_later = chance.random() < mix.later
        number = len(written) if mix.is_once else chance.randrange(mix.users)
        user = f"{LATER if is_later else 'user'}{number}"
        for _ in range(chance.randint(1, mix.burst)):
            yield _letter(chance, mix, user, written[user], is_later=is_later)
            written[user] += 1


def _letter(chance: random.Random, mix: Mix, user: str, seq: int, *, is_later: bool) -> Letter:
    kind, actor = chance.random(), chance.random()
    return Letter(
        user=user,
        seq=seq,
        actor="work_async"
        if actor < mix.coroutines
        else "new_work"
        if actor < mix.coroutines + mix.unknown
        else "work",
        how=SHAKY if kind < mix.shaky else DOOMED if kind < mix.shaky + mix.doomed else WELL,
        ms=chance.randint(0, mix.slow_ms if chance.random() < mix.slow else mix.most_ms),
        priority=chance.choices((-1, 0, 1), (1, 8, 1))[0],
        delay_ms=chance.randint(1, mix.later_ms) if is_later else 0,
    )

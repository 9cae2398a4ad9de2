"""A small world of mailboxes as an onlooker knows it who has seen every move; it knows nothing of Redis.

Time is relative: every instant is ms from now, and what is past is 0, so that the world has finitely many states.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile

LEASE_MS = 15_000
#: A third of the lease: the longest silence that is no outage.
STEP_MS = LEASE_MS // 3
GRACE_MS = 2 * LEASE_MS // 3 + 3500
FLAGGED_MS = 5000
BACKOFF_MS = STEP_MS

ENDED = frozenset({"done", "dead", "cancelled"})
NOT_STARTABLE = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as the onlooker knows it.

    Attributes:
        state: 'absent', 'waiting', 'running', 'done', 'dead' or 'cancelled'.
        owner: Who runs it; nobody else's settle counts.
        left_ms: Of its lease; 0 when it may be taken for dead.
        due_ms: Until it may start again, 0 for now.
        started: An attempt has begun and ended without ending the message: it keeps its place.
    """

    state: str = "absent"
    owner: str = ""
    left_ms: int = 0
    flagged: bool = False
    due_ms: int = 0
    started: bool = False
    charged: bool = False
    retries: int = 0
    stalls: int = 0


@dataclass(frozen=True, slots=True)
class Hand:
    """What a claimer believes to hold. A token that is no longer live makes it a zombie.

    Attributes:
        unheard: The reply of the call that it made was lost: 'claim', 'settle' or 'exchange'; it must repeat the call.
        answer: What the lost reply of a settle said.
    """

    message: str = ""
    token: str = ""
    unheard: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a world is and what may happen in it.

    Attributes:
        messages: Per mailbox, in publish order; a message is named by its mailbox's letter and a digit.
        ends: How a claimer may end an attempt.
        jumps_ms: How time may move without anybody looking.
        queues: Whose messages take turns in a mailbox; a claim is for one of them.
        rate: Cost units per second and mailbox, 0 for no limit; the burst is 1.
        strict: The digits of the messages that run alone in their mailbox.
        patient: The digits of the messages that may stall once more than the others.
    """

    mailboxes: str = "AB"
    messages: int = 2
    claimers: str = "XY"
    jobs: int = 1
    queues: tuple[str, ...] = ("q",)
    rate: float = 0
    strict: str = ""
    patient: str = ""
    ends: tuple[str, ...] = ("ack",)
    most_retries: int = 1
    max_stalls: int = 1
    jumps_ms: tuple[int, ...] = (STEP_MS, LEASE_MS)
    is_cancelling: bool = False
    is_cancelling_whole: bool = False
    is_pausing: bool = False
    is_crashing: bool = False
    is_renewing: bool = False
    is_hard_of_hearing: bool = False
    is_exchanging: bool = False

    def ids(self, mailbox: str) -> list[str]:
        """Name the messages of a mailbox in publish order."""
        return [f"{mailbox}{number}" for number in range(1, self.messages + 1)]

    def queue_of(self, message_id: str) -> str:
        """Name the queue that a message is sent to."""
        return self.queues[(int(message_id[1:]) - 1) % len(self.queues)]

    def is_strict(self, message_id: str) -> bool:
        """Say whether a message runs alone in its mailbox."""
        return message_id[1:] in self.strict

    def own_stalls(self, message_id: str) -> int:
        """Say how many stalls are too many for this message; 0: as many as for the others."""
        return self.max_stalls + 1 if message_id[1:] in self.patient else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the onlooker knows.

    Attributes:
        paused: Mailboxes, and '*' when all are.
        level: What each mailbox's bucket holds.
        silence_ms: Since anybody last called.
        grace_ms: Until leases may expire again after an outage.
    """

    messages: dict[str, Message]
    hands: dict[str, Hand]
    paused: frozenset[str] = frozenset()
    level: dict[str, float] = field(default_factory=dict)
    silence_ms: int = 0
    grace_ms: int = 0

    def with_message(self, message_id: str, **changes: object) -> World:
        """Return it with one message changed."""
        changed = replace(self.messages[message_id], **changes)  # type: ignore[arg-type]  # the fields of Message
        return replace(self, messages={**self.messages, message_id: changed})

    def with_hand(self, claimer: str, hand: Hand) -> World:
        """Return it with one claimer's hand changed."""
        return replace(self, hands={**self.hands, claimer: hand})

    def lines(self) -> list[str]:
        """Write it down; equal worlds have equal lines."""
        return [
            *(
                f"{name} {m.state} {m.owner} {m.left_ms} {m.flagged} {m.due_ms} {m.started} {m.charged}"
                f" {m.retries} {m.stalls}"
                for name, m in self.messages.items()
            ),
            *(
                f"{name} holds {hand.message} {hand.token} {hand.unheard} {hand.answer}"
                for name, hand in self.hands.items()
            ),
            *(f"paused {name}" for name in self.paused),
            *(f"level {name} {level:.6g}" for name, level in self.level.items()),
            f"silence {self.silence_ms} grace {self.grace_ms}",
        ]


def begin(size: Size) -> World:
    """Return the world in which nothing was ever published."""
    return World(
        messages={name: Message() for mailbox in size.mailboxes for name in size.ids(mailbox)},
        hands={claimer: Hand() for claimer in size.claimers},
        level=dict.fromkeys(size.mailboxes, 0.0) if size.rate else {},
    )


def window(world: World, size: Size, mailbox: str) -> list[str]:
    """Name the first `jobs` messages of a mailbox that have not ended; a strict one is there alone or not at all."""
    held = [name for name in size.ids(mailbox) if world.messages[name].state in ("waiting", "running")][: size.jobs]
    if held and size.is_strict(held[0]):
        return held[:1]
    return list(takewhile(lambda name: not size.is_strict(name), held))


def start_ms(world: World, size: Size, mailbox: str) -> dict[str, int]:
    """Say in how many ms each message of the window may start that may start at all, a pause aside."""
    dues: dict[str, int] = {}
    is_behind_unstarted = False
    for name in window(world, size, mailbox):
        message = world.messages[name]
        if message.state == "running":
            continue
        if message.started or not is_behind_unstarted:
            due_ms = message.due_ms
            if size.rate and not message.charged:
                due_ms = max(due_ms, round(world.level[mailbox] * 1000 / size.rate))
            dues[name] = due_ms
        is_behind_unstarted = is_behind_unstarted or not message.started
    return dues


def startable(world: World, size: Size) -> set[str]:
    """Name every message that a claim may start now."""
    if "*" in world.paused:
        return set()
    return {
        name
        for mailbox in size.mailboxes
        if mailbox not in world.paused
        for name, due_ms in start_ms(world, size, mailbox).items()
        if due_ms == 0
    }


def soonest_ms(world: World, size: Size, queues: tuple[str, ...]) -> int:
    """Say when the next message of these queues may start; NOT_STARTABLE when only a move can help.

    Pauses of mailboxes are heeded, a pause of all is not.
    """
    return min(
        (
            due_ms
            for mailbox in size.mailboxes
            if mailbox not in world.paused
            for name, due_ms in start_ms(world, size, mailbox).items()
            if size.queue_of(name) in queues
        ),
        default=NOT_STARTABLE,
    )

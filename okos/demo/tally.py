"""What happened in the play, from what its users saw: nothing here is what Okos says of itself.

When a message was being served is measured from inside: from the first glimpse of its answer reaching us (the handler
had begun before) to the instant at which the handler wrote the reply (by the clock of the same machine). What lies
between is certain, so the number of users served at once is never too high. A message whose glimpse was lost counts as
not served at all.

A message that was run again has glimpses of two attempts: the first was being served until the kill, the last one led
to the reply. The rerun is how long after the kill the first glimpse of such a last attempt came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okos.envelope import Reply
    from okos.local.channel import Glimpse

_LONGEST_ANSWER_MS = 1_000


@dataclass(slots=True, kw_only=True)
class Message:
    """One message of a user, and what came of it. Instants in ms of the wall clock; `about` is what it holds."""

    id: str
    about: str
    sent_ms: int
    attempts: dict[int, int] = field(default_factory=dict)  # attempt -> its first glimpse (ms)
    endings: int = 0
    failed: bool = False
    answered_ms: int = 0
    written_ms: int = 0

    @property
    def is_answered(self) -> bool:
        """Whether a real answer came; an apology is none."""
        return self.endings > 0 and not self.failed

    def served_ms(self, killed_ms: int | None) -> list[tuple[int, int]]:
        """From when to when it was certainly being served: in its last attempt, and in one that the kill ended."""
        begins_ms = [self.attempts[attempt] for attempt in sorted(self.attempts)]
        spans = [] if killed_ms is None else [(begin_ms, killed_ms) for begin_ms in begins_ms[:-1]]
        if begins_ms and self.endings:
            spans.append((begins_ms[-1], self.written_ms))
        return [(begin_ms, end_ms) for begin_ms, end_ms in spans if begin_ms < end_ms]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is said of one user at the end."""

    user: str
    sent: int
    answered: int
    in_order: bool
    doubled: int

    @property
    def is_right(self) -> bool:
        """Whether every message was answered once, in order."""
        return self.sent == self.answered and self.in_order and not self.doubled


class UserTally:
    """One user's messages, in the order in which they were sent, and the order in which they were answered.

    Attributes:
        answered: How many have a real answer.
        waiting: Those that have no ending yet, by id, oldest first.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.answers: list[str] = []
        self.answered = 0
        self.waiting: dict[str, Message] = {}

    def current(self) -> Message | None:
        """Return the message being served, as far as we can see; None if there is none."""
        return next((message for message in self.waiting.values() if message.attempts), None)

    def row(self) -> Row:
        """Sum up."""
        order = {message.id: number for number, message in enumerate(self.messages)}
        numbers = [order[message_id] for message_id in self.answers]
        return Row(
            user=self.name,
            sent=len(self.messages),
            answered=sum(message.is_answered for message in self.messages),
            in_order=numbers == sorted(numbers),
            doubled=sum(max(0, message.endings - 1) for message in self.messages),
        )


class Tally:
    """All users' messages. Not locked: whoever shares it between threads locks it.

    Attributes:
        killed_ms: When a worker was killed.
        endings: How many messages have come to an end.
    """

    def __init__(self, names: list[str]) -> None:
        self.users = [UserTally(name) for name in names]
        self.killed_ms: int | None = None
        self.endings = 0
        self._by_id: dict[str, tuple[UserTally, Message]] = {}

    def sent(self, user: int, message: Message) -> None:
        """Note a message, before it is sent."""
        self.users[user].messages.append(message)
        self.users[user].waiting[message.id] = message
        self._by_id[message.id] = (self.users[user], message)

    def glimpsed(self, glimpse: Glimpse, *, now_ms: int) -> None:
        """Note a glimpse of an answer."""
        if glimpse.envelope_id in self._by_id:
            _, message = self._by_id[glimpse.envelope_id]
            message.attempts.setdefault(glimpse.attempt, now_ms)

    def answered(self, reply: Reply, *, written_ms: int, now_ms: int) -> None:
        """Note a reply; all that ends a turn counts, also what should not have come."""
        if reply.last and reply.envelope_id in self._by_id:
            user, message = self._by_id[reply.envelope_id]
            message.endings += 1
            message.failed |= reply.failed
            message.written_ms = message.written_ms or written_ms
            message.answered_ms = message.answered_ms or now_ms
            user.answers.append(message.id)
            if user.waiting.pop(message.id, None) is not None:
                self.endings += 1
                user.answered += message.is_answered

    def messages(self) -> list[Message]:
        """Return all messages of all users."""
        return [message for user in self.users for message in user.messages]

    def is_stranded(self, message: Message, *, now_ms: int) -> bool:
        """Whether a message was in the hands of the killed worker and waits to be run again.

        No answer of the offline responder takes so long that it could still be on its way.
        """
        if self.killed_ms is None or not message.attempts or now_ms < self.killed_ms + _LONGEST_ANSWER_MS:
            return False
        return max(message.attempts.values()) <= self.killed_ms

    def served_now(self, *, now_ms: int) -> int:
        """Count the users who are being served now, as far as we can see."""
        current = [user.current() for user in self.users]
        return sum(message is not None and not self.is_stranded(message, now_ms=now_ms) for message in current)

    def stranded_now(self, *, now_ms: int) -> int:
        """Count the users who wait for what the killed worker had in hand."""
        current = [user.current() for user in self.users]
        return sum(message is not None and self.is_stranded(message, now_ms=now_ms) for message in current)

    def rerun_ms(self) -> int | None:
        """How long after the kill the first message ran again; None if none was seen to."""
        if self.killed_ms is None:
            return None
        reruns = [
            seen_ms
            for message in self.messages()
            if len(message.attempts) > 1
            for attempt, seen_ms in message.attempts.items()
            if attempt != min(message.attempts) and seen_ms >= self.killed_ms
        ]
        return min(reruns) - self.killed_ms if reruns else None

    def duration_ms(self) -> int:
        """From the first message sent to the last one answered."""
        messages = self.messages()
        first = min((message.sent_ms for message in messages), default=0)
        return max((message.answered_ms for message in messages), default=first) - first

    def concurrency(self) -> int:
        """How many users were being served at one instant, at most."""
        edges: list[tuple[int, int, str]] = []
        for user in self.users:
            for message in user.messages:
                for begin_ms, end_ms in message.served_ms(self.killed_ms):
                    edges += [(begin_ms, 1, user.name), (end_ms, 0, user.name)]
        most = 0
        served: dict[str, int] = {}
        for _, begins, name in sorted(edges):  # ends before begins of the same ms
            served[name] = served.get(name, 0) + (1 if begins else -1)
            most = max(most, sum(count > 0 for count in served.values()))
        return most

"""What a bot did and what it was sent, in order, and the judgement over it: exactly one answer to each message."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from .world import Message, Peer

EventKind = Literal[
    "sign_in",  # by auth.importBotAuthorization
    "main_session",  # a session began to receive updates
    "overlap",  # two live sessions of one bot receive updates
    "heard",  # a person's message was put into the box (not: received)
    "said",  # the bot's message became visible
    "repeated",  # a send with a random id that was done before
    "edited",
    "deleted",
    "typing",
    "draft",
    "callback_answer",
    "commands",
    "download",
    "unreadable",  # a packet that no client of this layer sends: its connection was cut
    "another_layer",  # a client said hello in a layer that is not the data centre's: it will read no answer
    "unknown",  # an RPC that the data centre does not know
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `at_s` is of a monotonic clock."""

    kind: EventKind
    at_s: float
    peer: Peer | None = None
    message_id: int | None = None
    text: str = ""
    random_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcCall:
    """One call, as it came in. `outcome` of it: see `Record.outcomes`."""

    name: str
    at_s: float
    peer: Peer | None = None


@dataclass(slots=True)
class Record:
    """Everything since the start, or since `clear()`."""

    events: list[Event] = field(default_factory=list)
    calls: list[RpcCall] = field(default_factory=list)

    def add(
        self,
        kind: EventKind,
        *,
        peer: Peer | None = None,
        message: Message | None = None,
        text: str = "",
        random_id: int | None = None,
    ) -> None:
        """Note an event; a message brings its own peer, id, text and random id."""
        if message is not None:
            peer, text, random_id = message.peer, message.text, message.random_id
        self.events.append(
            Event(
                kind=kind,
                at_s=time.monotonic(),
                peer=peer,
                message_id=message.id if message else None,
                text=text,
                random_id=random_id,
            )
        )

    def of(self, kind: EventKind, peer: Peer | None = None) -> list[Event]:
        """Return the events of a kind, in one chat or in all."""
        return [e for e in self.events if e.kind == kind and (peer is None or e.peer == peer)]

    def most_within(
        self, window_ms: int, peer: Peer | None = None, kinds: Iterable[EventKind] = ("said", "edited")
    ) -> int:
        """Return the largest number of such events, in one chat or in all, within any window of that length."""
        wanted = set(kinds)
        times = [e.at_s for e in self.events if e.kind in wanted and (peer is None or e.peer == peer)]
        most = first = 0
        for last, at_s in enumerate(times):
            while at_s - times[first] >= window_ms / 1000:
                first += 1
            most = max(most, last - first + 1)
        return most

    def counts(self) -> Counter[str]:
        """Return how often each RPC was called."""
        return Counter(call.name for call in self.calls)

    def clear(self) -> None:
        """Forget what happened so far."""
        self.events.clear()
        self.calls.clear()


def quotes(question: Message, answer: Message) -> bool:
    """Say whether an answer belongs to a question: it replies to it, or replies to nothing and has its words.

    Give each question of a test words that no other has ("question 17." rather than "question 1").
    """
    if answer.reply_to is not None:
        return answer.reply_to == question.id
    return bool(question.text) and question.text in answer.text


def violations(
    visible: Iterable[Message],
    *,
    belongs: Callable[[Message, Message], bool] = quotes,
    asks: Callable[[Message], bool] = lambda _: True,
    parts: bool = False,
    in_order: bool = True,
) -> list[str]:
    """Judge one chat, top to bottom: each question has exactly one answer, and answers come in the questions' order.

    Args:
        visible: the messages of the chat that can be seen.
        belongs: whether an answer is to that question.
        asks: which messages of people want an answer; all by default.
        parts: an answer may consist of several messages, one after the other.
        in_order: also judge the order.

    Returns:
        A sentence for each violation; nothing when all is well.
    """
    shown = list(visible)
    questions = [m for m in shown if not m.out and m.service is None and asks(m)]
    answers = [m for m in shown if m.out]
    found: list[str] = []
    order: list[int] = []
    for answer in answers:
        owners = [n for n, question in enumerate(questions) if question.id < answer.id and belongs(question, answer)]
        if not owners:
            found.append(f"message {answer.id} answers nothing: {answer.text[:60]!r}")
            continue
        waiting = [n for n in owners if n not in order]
        if parts and not waiting and order[-1] in owners:
            continue
        owner = waiting[0] if waiting else owners[-1]
        order.append(owner)
    times = Counter(order)
    for n, question in enumerate(questions):
        if times[n] == 0:
            found.append(f"message {question.id} has no answer: {question.text[:60]!r}")
        elif times[n] > 1:
            found.append(f"message {question.id} has {times[n]} answers: {question.text[:60]!r}")
    if in_order and not any(n > 1 for n in times.values()) and order != sorted(order):
        found.append(f"answers are out of order: {[questions[n].id for n in order]}")
    return found

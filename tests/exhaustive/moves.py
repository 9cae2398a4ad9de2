"""Every move that somebody can make in a world, as a call of a real transition and the rule that judges its reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import rules
from rules import expect
from stored import ISSUED, NONCE, Found
from world import BACKOFF_MS, LEASE_MS, Hand, Size, World

#: Redis' reply, as redis-py gives it.
Reply = Any
Rule = Callable[[World, Reply, Found], World]

_MOST_BYTES = 262_144
_KEPT = 0


@dataclass(frozen=True, slots=True)
class Move:
    """One move.

    Attributes:
        name: For people.
        arguments: Of the transition.
        rule: What its reply may be and what the world is then.
        issued: What stands for a token that this move may give.
        is_helping: It brings the end nearer: time, looking, claiming, acknowledging, resuming.
    """

    name: str
    transition: str
    arguments: tuple[str, ...]
    rule: Rule
    issued: str = ""
    is_helping: bool = False


def moves(world: World, size: Size) -> Iterator[Move]:
    """List all moves out of a world, but that time passes."""
    for mailbox in size.mailboxes:
        yield from _publications(world, size, mailbox)
    for claimer, hand in world.hands.items():
        yield from _claimer_moves(world, size, claimer, hand)
    yield Move(
        "sweep",
        "sweep",
        ("sweeper", "0", str(size.max_stalls), str(_KEPT), "0", "0", str(LEASE_MS)),
        lambda before, reply, _: rules.sweep(before, size, _stalled(reply)),
        is_helping=True,
    )
    yield from _operator_moves(world, size)


def _publications(world: World, size: Size, mailbox: str) -> Iterator[Move]:
    names = size.ids(mailbox)
    unpublished = [name for name in names if world.messages[name].state == "absent"]
    # the next one, and the last one again
    for name in unpublished[:1] + names[: len(names) - len(unpublished)][-1:]:
        yield Move(
            f"publish {name}",
            "publish",
            (
                *_publication(
                    name, mailbox, size.queue_of(name), strict=size.is_strict(name), stalls=size.own_stalls(name)
                ),
                "1",
                *_publication(f"sorry{name}", "out", "out"),
                "0",
            ),
            _judged(rules.publish, name, lambda reply: reply[0].decode()),
        )


def _publication(name: str, mailbox: str, queue: str, *, strict: bool = False, stalls: int = 0) -> tuple[str, ...]:
    plain = (name, mailbox, queue, "1", "x", "1", "0", "0", "", "1", "0", "0", "reject", "", "0")
    return (*plain, str(int(strict)), str(stalls))


def _claimer_moves(world: World, size: Size, claimer: str, hand: Hand) -> Iterator[Move]:
    if hand.unheard == "claim":
        yield _claim(size, claimer, size.queues[0], "again")
    elif hand.unheard == "settle":
        yield _settle(world, claimer, "ack", "again")
    elif hand.unheard == "exchange":
        yield _exchange(world, size, claimer, "ack", "again")
    elif hand.message:
        yield from _moves_with_a_message(world, size, claimer, hand)
    else:
        for queue in size.queues:
            yield _claim(size, claimer, queue, "")
        if size.is_hard_of_hearing:
            yield _claim(size, claimer, size.queues[0], "unheard")


def _moves_with_a_message(world: World, size: Size, claimer: str, hand: Hand) -> Iterator[Move]:
    retries = world.messages[hand.message].retries
    endings = [(end, "") for end in size.ends if end != "retry" or retries < size.most_retries]
    if size.is_hard_of_hearing:
        endings.append(("ack", "unheard"))
    for end, hearing in endings:
        yield _settle(world, claimer, end, hearing)
        if size.is_exchanging:
            yield _exchange(world, size, claimer, end, hearing)
    if size.is_renewing:
        yield Move(
            f"{claimer} renews {hand.message}",
            "renew",
            (claimer, str(LEASE_MS), "", "1", hand.message, hand.token),
            lambda before, reply, _: rules.renew(before, claimer, _texts(reply[1]), _texts(reply[2])),
        )


def _claim(size: Size, claimer: str, queue: str, hearing: str) -> Move:
    def rule(before: World, reply: Reply, _: Found) -> World:
        started = [(item[0].decode(), _token(item, claimer)) for item in reply[2]]
        hand = before.hands[claimer]
        if hearing == "again" and hand.message:
            return rules.claim_again(before, claimer, started)
        after = rules.claim(before, size, claimer, queue, started=started, due_ms=reply[0])
        is_unheard = hearing == "unheard"
        return after.with_hand(claimer, replace(after.hands[claimer], unheard="claim" if is_unheard else ""))

    return Move(
        f"{claimer} claims for {queue} {hearing}".rstrip(),
        "claim",
        _claim_arguments(size, claimer, queue, hearing),
        rule,
        issued=f"?.{claimer}",
        is_helping=hearing != "unheard",
    )


def _claim_arguments(size: Size, claimer: str, queue: str, hearing: str) -> tuple[str, ...]:
    return (
        *(claimer, _sequence(claimer, hearing), "1", str(_MOST_BYTES), str(LEASE_MS), NONCE, "1"),
        *(str(size.max_stalls), "1", queue),
    )


def _sequence(claimer: str, hearing: str) -> str:
    """Number a call: only one whose reply is lost is ever made again."""
    return f"s{claimer}" if hearing else "once"


def _token(item: Reply, claimer: str) -> str:
    """Name a token: one that was issued now gets the name of its message and its claimer, in `Found` too."""
    token = item[1].decode()
    return f"{item[0].decode()}.{claimer}" if token == ISSUED else token


def _settle(world: World, claimer: str, end: str, hearing: str) -> Move:
    hand = world.hands[claimer]

    def rule(before: World, reply: Reply, found: Found) -> World:
        answer = reply[0].decode()
        if hearing == "again":
            expect(not found.effects(), f"{claimer} repeated a settle and its effects were written again")
            expect(answer == hand.answer, f"{claimer} repeated a settle; it was {hand.answer} and is now {answer}")
            return before.with_hand(claimer, Hand())
        after = rules.settle(before, claimer, end, answer)
        effect = [hand.message] if end == "ack" and answer == "ok" else []
        expect(
            (written := found.effects()) == effect, f"{hand.message} ended as {answer} and its effects are {written}"
        )
        if hearing == "unheard":
            return after.with_hand(claimer, replace(hand, unheard="settle", answer=answer))
        return after

    return Move(
        f"{claimer} settles {hand.message} as {end} {hearing}".rstrip(),
        "settle",
        _settle_arguments(claimer, hand, end, hearing),
        rule,
        is_helping=end == "ack" and hearing != "unheard",
    )


def _settle_arguments(claimer: str, hand: Hand, end: str, hearing: str) -> tuple[str, ...]:
    delay_ms = BACKOFF_MS if end in ("retry", "defer") else 0
    effects = ("1", "append", "log", hand.message, "100", "60000") if end == "ack" else ("0",)
    return (
        *(claimer, _sequence(claimer, hearing), str(_KEPT), str(_KEPT), "1"),
        *(hand.message, hand.token, end, str(delay_ms), "", "", "", *effects),
    )


def _exchange(world: World, size: Size, claimer: str, end: str, hearing: str) -> Move:
    """Settle and claim in one step; each by its own rule, one after the other.

    While the reply of one is not heard, the hand holds what it started, and the answer to the settle.
    """
    queue = size.queues[0]
    settling = _settle(world, claimer, end, hearing)
    claiming = _claim(size, claimer, queue, hearing)

    def rule(before: World, reply: Reply, found: Found) -> World:
        settled, claimed = reply
        hand = before.hands[claimer]
        after = settling.rule(before, settled, found)
        if hearing == "again":
            return claiming.rule(before.with_hand(claimer, replace(hand, answer="")), claimed, found)
        after = claiming.rule(after.with_hand(claimer, Hand()), claimed, found)
        if hearing == "unheard":
            answer = settled[0].decode()
            return after.with_hand(claimer, replace(after.hands[claimer], unheard="exchange", answer=answer))
        return after

    return Move(
        f"{claimer} exchanges {world.hands[claimer].message} as {end} {hearing}".rstrip(),
        "exchange",
        (str(len(settling.arguments)), *settling.arguments, *claiming.arguments),
        rule,
        issued=claiming.issued,
        is_helping=end == "ack" and hearing != "unheard",
    )


def _operator_moves(world: World, size: Size) -> Iterator[Move]:
    if size.is_cancelling:
        for name, message in world.messages.items():
            if message.state != "absent" and not message.flagged:
                yield Move(
                    f"cancel {name}",
                    "cancel",
                    (name, "x"),
                    _judged(rules.cancel, name, bytes.decode),
                )
    if size.is_cancelling_whole:
        for mailbox in size.mailboxes:
            yield Move(
                f"cancel all of {mailbox}",
                "cancel_mailbox",
                (mailbox, "x"),
                _judged(rules.cancel_mailbox, mailbox, list),
            )
    if size.is_pausing:
        for mailbox in (*size.mailboxes, "*"):
            key = mailbox.strip("*")
            yield Move(
                f"pause {mailbox}",
                "pause",
                (key, "pause"),
                _judged(rules.pause, mailbox, int),
            )
            yield Move(
                f"resume {mailbox}",
                "pause",
                (key, "resume"),
                _judged(rules.resume, mailbox, int),
                is_helping=True,
            )


def _judged(rule: Callable[[World, str, Any], World], name: str, read: Callable[[Any], Any]) -> Rule:
    """Make a rule of one about a name and of how to read the reply."""
    return lambda before, reply, _: rule(before, name, read(reply))


def _stalled(reply: Reply) -> list[tuple[str, str]]:
    found = _texts(reply[1])
    return [(found[i], found[i + 3]) for i in range(0, len(found), 4)]


def _texts(reply: Reply) -> list[str]:
    return [each.decode() for each in reply]

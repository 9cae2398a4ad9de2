"""Every state that a small world can reach, by the real transitions on a real server.

Breadth first: from each state every move is made, each from that very state (`expand.lua`), its reply and what it left
are judged by the rules, and what is new is searched in turn. States that differ only by which mailbox or claimer is
called what are one. At the end every state must have a way to the end by helping moves alone (L1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import permutations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rules
from moves import Move, moves
from rules import Broken, expect
from stored import ISSUED, Found, Stored
from world import ENDED, NOT_STARTABLE, Hand, Size, World, begin

from okos.mailbox.script import compose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import redis

_PREFIX = "{m}:"
_TIME = "local function raw_ms() return 1000000000 end"
_TRANSITIONS = ("publish", "claim", "settle", "exchange", "renew", "sweep", "cancel", "cancel_mailbox", "pause")
#: A search that grows beyond this has met something that it does not know to be alike.
MOST_STATES = 200_000


@dataclass(frozen=True, slots=True)
class State:
    """One state: what the onlooker knows, what the store holds, and how it came to be."""

    world: World
    stored: Stored
    parent: State | None = None
    move: str = ""

    def story(self) -> list[str]:
        """Tell the moves that led here."""
        moves_made: list[str] = []
        state: State | None = self
        while state is not None and state.move:
            moves_made.append(state.move)
            state = state.parent
        return moves_made[::-1]


@dataclass(slots=True)
class Searched:
    """What a search found.

    Attributes:
        broken: The promise that was broken, or None.
        story: The moves that broke it.
    """

    states: int = 0
    moves: int = 0
    broken: str | None = None
    story: list[str] = field(default_factory=list)


class Machine:
    """The transitions on a server, from any state. It empties the database that the client has chosen.

    Args:
        client: Of a server, or a database, that nobody else uses.
        mutations: Transition -> pairs of what stands in its source and what shall stand there instead.
    """

    def __init__(self, client: redis.Redis, mutations: Mapping[str, list[tuple[str, str]]] | None = None) -> None:
        self.prepared: dict[str, str] = {}
        self._expand = client.register_script(_source(mutations or {}))

    def expand(self, commands: list[list[str]], all_moves: list[Move]) -> list[Any]:  # Any: Redis' nested reply
        """Make each move from the state that the commands build; returns reply and keys of each."""
        words = [str(len(commands))]
        for command in commands:
            words.append(str(len(command)))
            words += command
        for move in all_moves:
            words += (move.transition, str(len(move.arguments)), *move.arguments)
        outcomes: list[Any] = self._expand(keys=[_PREFIX], args=[word.encode("latin-1") for word in words])
        return outcomes


def search(machine: Machine, size: Size) -> Searched:
    """Visit every state."""
    searched = Searched()
    start = State(begin(size), Stored())
    key_of = _Key(size)
    keys = {key_of(start): 0}
    waiting = deque([start])
    comes_from: list[set[int]] = [set()]
    ends: list[int] = []
    states = [start]
    while waiting:
        state = waiting.popleft()
        number = keys[key_of(state)]
        if _has_ended(state.world) and _is_clean(state.stored):
            ends.append(number)
        try:
            for successor, is_helping in _successors(machine, state, size):
                searched.moves += 1
                key = key_of(successor)
                if key not in keys:
                    keys[key] = len(keys)
                    waiting.append(successor)
                    states.append(successor)
                    comes_from.append(set())
                if is_helping:
                    comes_from[keys[key]].add(number)
        except Stop as stop:
            searched.broken, searched.story = str(stop.broken), [*state.story(), stop.move]
            break
        assert len(keys) < MOST_STATES, f"more than {MOST_STATES} states; the last one: {state.story()}"
    searched.states = len(keys)
    if searched.broken is None:
        stuck = set(range(len(keys))) - _reaching(ends, comes_from)
        if stuck:
            searched.broken = f"L1: {len(stuck)} states have no way to the end"
            searched.story = states[min(stuck)].story()
    return searched


class Stop(Exception):
    """A promise was broken by a move."""

    def __init__(self, move: str, broken: Broken) -> None:
        super().__init__(move)
        self.move, self.broken = move, broken


def _successors(machine: Machine, state: State, size: Size) -> Iterator[tuple[State, bool]]:
    world, stored = state.world, state.stored
    for ms in size.jumps_ms:
        name = f"{ms} ms pass"
        yield State(rules.pass_time(world, size, ms), stored.after(ms), state, name), True
    if size.is_crashing:
        for claimer, hand in world.hands.items():
            if hand != Hand():
                replies = {name: kept for name, kept in stored.replies.items() if name != claimer}
                crashed = replace(stored, replies=replies)
                yield State(world.with_hand(claimer, Hand()), crashed, state, f"{claimer} forgets what it holds"), False
    all_moves = list(moves(world, size))
    looking = rules.look(world)
    outcomes = machine.expand(stored.commands(world, size, machine.prepared), all_moves)
    for move, (reply, dump) in zip(all_moves, outcomes, strict=True):
        try:
            is_error = isinstance(reply, list) and reply[:1] == [b"error"]
            expect(not is_error, f"the transition failed: {reply}")
            found = Found(dump, _issued(move, reply), machine.prepared)
            after = move.rule(looking, reply, found)
            successor = State(
                after,
                found.as_stored(world, after, size, min(stored.timed.values(), default=NOT_STARTABLE)),
                state,
                move.name,
            )
        except Broken as broken:
            raise Stop(move.name, broken) from broken
        yield successor, move.is_helping


def _issued(move: Move, reply: Any) -> str:  # Any: Redis' reply
    """Name the token that a claim gave, so that equal states have equal tokens."""
    claimed = reply[1] if move.transition == "exchange" else reply
    is_new = bool(move.issued and claimed[2]) and claimed[2][0][1].decode() == ISSUED
    return move.issued.replace("?", claimed[2][0][0].decode()) if is_new else ""


def _has_ended(world: World) -> bool:
    return all(hand == Hand() for hand in world.hands.values()) and all(
        message.state == "absent" or message.state in ENDED for message in world.messages.values()
    )


def _is_clean(stored: Stored) -> bool:
    return replace(stored, seen=frozenset()) == Stored()


def _reaching(ends: list[int], comes_from: list[set[int]]) -> set[int]:
    """Name every state from which one of these can be reached."""
    reached, waiting = set(ends), list(ends)
    while waiting:
        for number in comes_from[waiting.pop()] - reached:
            reached.add(number)
            waiting.append(number)
    return reached


class _Key:
    """Names a state; states that differ only by who is called what have one name."""

    def __init__(self, size: Size) -> None:
        self._renamings = [
            str.maketrans(size.mailboxes + size.claimers, "".join(mailboxes + claimers))
            for mailboxes, claimers in product(permutations(size.mailboxes), permutations(size.claimers))
        ]
        self._known: dict[int, bytes] = {}

    def __call__(self, state: State) -> bytes:
        text = "\n".join(state.world.lines() + state.stored.lines())
        # most successors are states that were met before, under the same names
        if (known := self._known.get(hash(text))) is None:
            known = self._known[hash(text)] = self._name(text)
        return known

    def _name(self, text: str) -> bytes:
        least = min("\n".join(sorted(text.translate(renaming).split("\n"))) for renaming in self._renamings)
        return blake2b(least.encode(), digest_size=16).digest()


def _source(mutations: Mapping[str, list[tuple[str, str]]]) -> str:
    """Put the real transitions, each a function of its own, above the script that runs them from any state."""
    parts = ["local transitions = {}"]
    for name in _TRANSITIONS:
        source = compose(name, time_piece=_TIME).source.decode().split("\n", 1)[1]
        for old, new in mutations.get(name, []):
            assert old in source, f"{name}.lua does not say {old!r} any longer: change the mutation with it"
            source = source.replace(old, new)
        parts.append(f"transitions['{name}'] = function(KEYS, ARGV)\n{source}\nend")
    parts.append(Path(__file__).with_name("expand.lua").read_text("utf-8"))
    return "\n".join(parts)

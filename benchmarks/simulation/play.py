"""The engine's rules as discrete events: mailboxes, ring, bell, batches, leases, and one server that serves in turn.

What is played is the order of things and who waits for whom; what a call costs comes from `carry`. A process makes one
round trip at a time, which settles what ended meanwhile and claims for its free threads; a claim that leaves work rings
for another idle process.
"""

from __future__ import annotations

import heapq
import math
import random
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BATCH = 64
LEASE_S = 15.0
SWEEP_S = 2.0
#: From a worker to the server and back, beside what the server does.
NETWORK_S = 0.0002
#: A supervisor starts a lost worker again after this long.
RESTART_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the server's one thread spends, in us."""

    publish_us: float = 45.0
    call_us: float = 65.0
    message_us: float = 21.0
    growth_us: float = 2.4
    """More for each doubling of the waiting mailboxes beyond a thousand."""

    def call(self, settled: int, claimed: int, waiting: int) -> float:
        """Return what one round trip takes, in seconds; claim and settle are half of a message each."""
        growth = self.growth_us * math.log2(waiting / 1000) if waiting > 1000 else 0.0
        return (self.call_us + (settled + claimed) * (self.message_us + growth) / 2) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is played.

    Attributes:
        arrivals: (second, user), in order of time.
        handler_s: How long the next handler runs.
        is_ordered: Mailboxes; else one queue for all, as without an engine.
        lost: (second, how many processes) that are killed then.
    """

    arrivals: Sequence[tuple[float, int]]
    processes: int
    threads: int
    handler_s: Callable[[random.Random], float]
    cost: Cost = field(default_factory=Cost)
    is_ordered: bool = True
    lost: tuple[float, int] | None = None
    seed: int = 1


@dataclass(slots=True)
class Played:
    """What came of it.

    Attributes:
        users: Whose message it was, of each in the order of their starts.
        waits_s: From publish to start, of each.
        busy_s: What the server worked until then.
        last_start_s: When the last handler started.
        reruns_s: From a process' death to the second start of each message that it ran.
        most_waiting: Mailboxes that had work and waited, at most.
    """

    users: array[int] = field(default_factory=lambda: array("q"))
    waits_s: array[float] = field(default_factory=lambda: array("d"))
    busy_s: float = 0.0
    last_start_s: float = 0.0
    reruns_s: list[float] = field(default_factory=list)
    most_waiting: int = 0

    def wait_of(self, is_chosen: Callable[[int], bool], share: float) -> float:
        """Return the wait that this share of the chosen users' messages did not exceed, in seconds."""
        waits = sorted(wait for user, wait in zip(self.users, self.waits_s, strict=True) if is_chosen(user))
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else math.nan


@dataclass(slots=True)
class _Process:
    free: int
    ended: list[int] = field(default_factory=list)
    is_calling: bool = False
    generation: int = 0
    runs: dict[int, float] = field(default_factory=dict)


class Play:
    """One scene from the first arrival to the last end."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.played = Played()
        self._random = random.Random(scene.seed)
        self._events: list[tuple[float, int, str, tuple[int, ...]]] = []
        self._number = 0
        self._server_free_s = self._busy_s = 0.0
        self._boxes: dict[int, deque[float]] = {}
        self._ring: deque[int] = deque()
        self._processes = [_Process(free=scene.threads) for _ in range(scene.processes)]
        self._idle = dict.fromkeys(range(scene.processes))
        self._lost_at: dict[int, float] = {}

    def run(self) -> Played:
        """Play it."""
        if self.scene.lost is not None:
            at_s, many = self.scene.lost
            for process in range(many):
                self._at(at_s, "lose", process)
        arrivals = iter(self.scene.arrivals)
        arrival = next(arrivals, None)
        while arrival is not None or self._events:
            if arrival is not None and (not self._events or arrival[0] <= self._events[0][0]):
                self._publish(*arrival)
                arrival = next(arrivals, None)
            else:
                at_s, _, what, arguments = heapq.heappop(self._events)
                getattr(self, f"_{what}")(at_s, *arguments)
        return self.played

    def _at(self, at_s: float, what: str, *arguments: int) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_s, self._number, what, arguments))

    def _serve(self, at_s: float, cost_s: float) -> float:
        """Have the server do something as soon as it is free; returns when it is done."""
        self._server_free_s = max(at_s, self._server_free_s) + cost_s
        self._busy_s += cost_s
        return self._server_free_s

    # -- putting in --------------------------------------------------------------------------------------------------

    def _publish(self, at_s: float, user: int) -> None:
        done_s = self._serve(at_s, self.scene.cost.publish_us / 1e6)
        box = self._boxes.get(user)
        if box is None:
            self._boxes[user] = deque((at_s,))
            self._join(user)
        else:
            box.append(at_s)
            if not self.scene.is_ordered:
                self._join(user)
        self._ring_bell(done_s)

    def _join(self, user: int, *, front: bool = False) -> None:
        if front:
            self._ring.appendleft(user)
        else:
            self._ring.append(user)
        self.played.most_waiting = max(self.played.most_waiting, len(self._ring))

    def _ring_bell(self, at_s: float) -> None:
        """Wake one idle process."""
        if self._idle and self._ring:
            process, _ = self._idle.popitem()
            self._at(at_s + NETWORK_S / 2, "call", process, self._processes[process].generation)

    # -- a process ---------------------------------------------------------------------------------------------------

    def _call(self, at_s: float, number: int, generation: int) -> None:
        """Make a round trip: settle what ended, claim for free threads."""
        process = self._processes[number]
        if process.generation != generation or process.is_calling:
            return
        settled, process.ended = process.ended[:BATCH], process.ended[BATCH:]
        claims = min(process.free + len(settled), BATCH, len(self._ring) + len(settled))
        process.is_calling = True
        cost_s = self.scene.cost.call(len(settled), claims, len(self._ring))
        done_s = self._serve(at_s + NETWORK_S / 2, cost_s)
        for user in settled:
            self._settle(user)
            process.free += 1
        claimed = [self._ring.popleft() for _ in range(min(process.free, BATCH, len(self._ring)))]
        starts_s = done_s + NETWORK_S / 2
        for user in claimed:
            self._start(user, starts_s, number)
        process.free -= len(claimed)
        self._at(starts_s, "answer", number, generation)
        if self._ring:
            self._ring_bell(done_s)

    def _settle(self, user: int) -> None:
        if self.scene.is_ordered:
            box = self._boxes[user]
            box.popleft()
            if box:
                self._join(user)
            else:
                del self._boxes[user]

    def _start(self, user: int, at_s: float, number: int) -> None:
        box = self._boxes[user]
        published_s = box[0]
        if not self.scene.is_ordered:
            box.popleft()
            if not box:
                del self._boxes[user]
        process = self._processes[number]
        if user in self._lost_at:
            self.played.reruns_s.append(at_s - self._lost_at.pop(user))
        else:
            self.played.users.append(user)
            self.played.waits_s.append(at_s - published_s)
            self.played.last_start_s, self.played.busy_s = at_s, self._busy_s
        ends_s = at_s + self.scene.handler_s(self._random)
        process.runs[user] = at_s
        self._at(ends_s, "finish", number, process.generation, user)

    def _answer(self, at_s: float, number: int, generation: int) -> None:
        """The reply of a round trip is there."""
        process = self._processes[number]
        if process.generation != generation:
            return
        process.is_calling = False
        if process.ended or (process.free and self._ring):
            self._call(at_s, number, generation)
        elif process.free:
            self._idle[number] = None

    def _finish(self, at_s: float, number: int, generation: int, user: int) -> None:
        """A handler has ended."""
        process = self._processes[number]
        if process.generation != generation:
            return
        process.runs.pop(user, None)
        process.ended.append(user)
        if not process.is_calling:
            self._idle.pop(number, None)
            self._call(at_s, number, generation)

    # -- losing one --------------------------------------------------------------------------------------------------

    def _lose(self, at_s: float, number: int) -> None:
        """Kill a process: what it ran stays in its mailboxes until the leases run out and somebody sweeps."""
        process = self._processes[number]
        renewed_s = at_s - self._random.random() * LEASE_S / 3
        expired_s = renewed_s + LEASE_S
        swept_s = expired_s + self._random.random() * SWEEP_S
        # what had ended and was not written runs again, too
        for user in [*process.runs, *process.ended]:
            self._lost_at[user] = at_s
            self._at(swept_s, "stall", user)
        self._processes[number] = _Process(free=0, generation=process.generation + 1)
        self._idle.pop(number, None)
        self._at(at_s + RESTART_S, "restart", number)

    def _stall(self, at_s: float, user: int) -> None:
        self._join(user, front=True)
        self._ring_bell(at_s)

    def _restart(self, at_s: float, number: int) -> None:
        process = self._processes[number]
        process.free = self.scene.threads
        self._idle[number] = None
        self._ring_bell(at_s)

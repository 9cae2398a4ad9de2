"""When a child is started, started again and stopped: the decisions alone, with no process and no clock.

    state         event                               state after   action
    backing off   its wait is over                    starting      spawn
    backing off   asked to stop                       gone
    starting      lived for `STEADY_MS`               running
    starting      exited                              backing off   (twice the wait of the time before)
    running       exited                              backing off   (the shortest wait)
    starting,
    running       asked to stop                       stopping      terminate
    stopping      exited                              gone
    stopping      its grace is over                   stopping      kill

A new child is backing off with no wait. What has been asked to stop never starts again. A child that cannot be
spawned counts as one that was spawned and exited.
"""

from dataclasses import dataclass
from enum import Enum

# Long enough that a child that cannot work (no server, a broken handler) has failed by then.
STEADY_MS = 10_000
# The first wait is short: a killed worker's users wait for the next one. The last keeps a log readable.
FIRST_WAIT_MS = 200
LONGEST_WAIT_MS = 30_000
# A process that the kernel cannot end yet (it waits for a disk) is killed again now and then.
KILL_AGAIN_MS = 5_000


class State(Enum):
    """Where a child is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    GONE = "gone"


class Action(Enum):
    """What is to be done to the process."""

    SPAWN = "spawn"
    TERMINATE = "terminate"
    KILL = "kill"


def wait_ms(failures: int) -> int:
    """How long to wait before a start, after so many failures in a row: 0.2 s, doubling, at most 30 s."""
    if failures == 0:
        return 0
    return min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(failures - 1, 20))


@dataclass(slots=True)
class Lifecycle:
    """The life of one child. `failures` counts its exits in a row that nobody asked for."""

    state: State = State.BACKING_OFF
    failures: int = 0
    due_ms: int = 0

    def is_due(self, now_ms: int) -> Action | None:
        """Ask what time has made necessary."""
        if now_ms < self.due_ms:
            return None
        if self.state is State.STARTING:
            self.state = State.RUNNING
            self.failures = 0
        if self.state is State.BACKING_OFF:
            return Action.SPAWN
        if self.state is State.STOPPING:
            self.due_ms = now_ms + KILL_AGAIN_MS
            return Action.KILL
        return None

    def has_spawned(self, now_ms: int) -> None:
        """Note that the process is there."""
        self.state = State.STARTING
        self.due_ms = now_ms + STEADY_MS

    def has_exited(self, now_ms: int) -> None:
        """Note that the process is over, or could not be spawned."""
        if self.state is State.STOPPING:
            self.state = State.GONE
            return
        self.failures += 1
        self.state = State.BACKING_OFF
        self.due_ms = now_ms + wait_ms(self.failures)

    def ask_to_stop(self, now_ms: int, *, grace_ms: int) -> Action | None:
        """Begin the end; asked again, the shorter grace holds."""
        if self.state is State.BACKING_OFF:
            self.state = State.GONE
        elif self.state is State.STOPPING:
            self.due_ms = min(self.due_ms, now_ms + grace_ms)
        elif self.state is not State.GONE:
            self.state = State.STOPPING
            self.due_ms = now_ms + grace_ms
            return Action.TERMINATE
        return None

"""When a worker's OS process makes a fresh start because threads of it hang. Decisions alone: no clock, no threads.

A thread that hangs in a call of C code cannot be ended: it is given up, another takes its place, and capacity stays
what it was. What stays behind is the thread with all that it holds, so the process must not gather many of them.

    state      when                                                             state after   the engine then
    sound      a thread was given up                                            marred
    marred     the threads that were given up have come back                    sound
    marred     half of all threads hang; or the process has been idle for
               `IDLE_S`; or `BUSY_S` have passed since it was marred            draining      claims nothing more
    draining   all that it held has ended and is written; or the grace is
               over, and what has ended is written                              over          makes a fresh start

An idle process loses nothing by it, and nobody waits for it. One that is never idle may leave some threads behind for
`BUSY_S`, which costs memory and no capacity; then it drains as for a shutdown, which costs some seconds of its capacity
and no message. At half of the threads whatever they hang in will take the others, too: waiting has no point. While the
server is away nothing is written and nothing can be claimed: there is no haste, and it waits.
"""

from __future__ import annotations

from enum import Enum

#: The engine looks twice a second: two looks with nothing claimed between them. A start takes about as long.
IDLE_S = 1.0
#: As long as the default time limit: a process that loses a thread now and then starts again six times an hour at most.
BUSY_S = 600.0


class Step(Enum):
    """What the engine is to do."""

    NOTHING = "nothing"
    STOP_CLAIMS = "stop claims"
    START_AFRESH = "start afresh"


class Recycle:
    """The table above.

    Args:
        threads: How many handlers run at once here.
        grace_s: How long what runs may go on once nothing more is claimed.
    """

    def __init__(self, *, threads: int, grace_s: float) -> None:
        self._threads = threads
        self._grace_s = grace_s
        self._marred_at: float | None = None
        self._idle_at = 0.0
        self._claimed = -1
        self._draining_at: float | None = None
        self._over = False

    def look(self, now: float, *, hung: int, running: int, unwritten: int, claimed: int) -> Step:
        """Look at the process.

        Args:
            now: Seconds, of a clock that only grows.
            hung: Threads that were given up and have not come back.
            running: Messages that are claimed and have not ended.
            unwritten: Messages that have ended, and whose end is not confirmed.
            claimed: How many messages were claimed in all, which tells whether there was work since the last look.

        Returns:
            What to do. Nothing, once START_AFRESH was returned.
        """
        if self._over:
            return Step.NOTHING
        if self._draining_at is not None:
            if unwritten == 0 and (running == 0 or now - self._draining_at >= self._grace_s):
                self._over = True
                return Step.START_AFRESH
            return Step.NOTHING
        if running or unwritten or claimed != self._claimed:
            self._claimed = claimed
            self._idle_at = now
        if hung == 0:
            self._marred_at = None
            return Step.NOTHING
        if self._marred_at is None:
            self._marred_at = now
        if hung * 2 >= self._threads or now - self._idle_at >= IDLE_S or now - self._marred_at >= BUSY_S:
            self._draining_at = now
            return Step.STOP_CLAIMS
        return Step.NOTHING

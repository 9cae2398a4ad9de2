"""The play: users who send, a worker that is killed, and everything that is seen of it.

One thread plays all users, from `run`. What comes back arrives on the channel's threads and goes into the tally,
under one lock.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from okos.demo.report import Kill, Report
from okos.demo.tally import Message, Tally
from okos.local.channel import Delivered, Glimpse, LocalChannel, wall_ms
from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okos.demo.screen import Screen
    from okos.demo.script import Part
    from okos.mailbox import Stats
    from okos.private import PrivateOkos

# The kill comes when this share of the messages is answered, in percent: everybody is in full swing.
_KILL_AT_PERCENT = 25
# From here on it comes even if it might hit a worker that has nothing in hand.
_KILL_AT_LAST_PERCENT = 60
# A user sends the next burst when no more than this many of the last one are unanswered.
_ALMOST_ANSWERED = 1
# The lease is 3 s: when nothing has come for this long, nothing will.
_STUCK_S = 20.0
_TICK_S = 0.02
_LOOK_S = 0.2


class Play:
    """One play.

    Args:
        okos: Where it is played.
        parts: What each user says.
        screen: Where it is shown.
    """

    def __init__(self, okos: PrivateOkos, parts: Sequence[Part], screen: Screen) -> None:
        self._okos = okos
        self._parts = parts
        self._screen = screen
        self._total = sum(len(burst) for part in parts for burst in part.bursts)
        self._left = [list(part.bursts) for part in parts]
        self._tally = Tally([part.name for part in parts])
        self._lock = threading.Lock()
        self._channel = LocalChannel(okos.settings, on_reply=self._see_reply, on_glimpse=self._see_glimpse)
        self._threads = okos.settings.threads[0]
        self._pids: set[int] = set()
        self._killed_pid: int | None = None
        self._replaced_ms: int | None = None
        self._rerun_told = False
        self._looked_at = 0.0

    def run(self) -> Report:
        """Play to the end: everything is answered, or nothing more comes."""
        with self._channel:
            self._pids = {worker.pid for worker in self._channel.broker.workers()}
            progress, progress_at = -1, time.monotonic()
            while not self._is_over():
                self._speak()
                if self._killed_pid is None:
                    self._kill_when_busy()
                else:
                    self._watch_the_recovery()
                with self._lock:
                    self._screen.update(self._tally, self._total)
                    if self._tally.endings != progress:
                        progress, progress_at = self._tally.endings, time.monotonic()
                if time.monotonic() - progress_at > _STUCK_S:
                    self._screen.event(f"Nothing more has come for {_STUCK_S:.0f} s.")
                    break
                time.sleep(_TICK_S)
            return self._report()

    def _is_over(self) -> bool:
        """Whether all is answered, and nothing is left that could be answered once more."""
        with self._lock:
            if self._tally.endings < self._total:
                return False
        stats = self._stats()
        return stats is not None and stats.waiting == 0 and stats.running == 0

    def _speak(self) -> None:
        for number, left in enumerate(self._left):
            with self._lock:
                is_next = left and len(self._tally.users[number].waiting) <= _ALMOST_ANSWERED
            if not is_next:
                continue
            for question in left.pop(0):
                envelope = self._channel.envelope(question, user=self._parts[number].name)
                with self._lock:
                    about = envelope.emoji or (question.photo.file_name if question.photo else envelope.text)
                    self._tally.sent(number, Message(id=envelope.id, about=about, sent_ms=envelope.sent_at_ms))
                self._channel.send(envelope, question)

    def _kill_when_busy(self) -> None:
        """Kill a worker when both must have messages in hand: more users are being served than one has threads."""
        with self._lock:
            served = self._tally.served_now(now_ms=wall_ms())
            percent = self._tally.endings * 100 // self._total
        if percent < _KILL_AT_PERCENT * (self._total > len(self._parts)):
            return
        if served < min(len(self._parts), self._threads + 1) and not (percent >= _KILL_AT_LAST_PERCENT and served):
            return
        index = self._busiest()
        if index is None:
            return
        self._killed_pid = self._okos.worker_pids[index]
        with self._lock:
            self._tally.killed_ms = wall_ms()
        self._okos.kill_worker(index)
        self._screen.event(
            f"Worker {index + 1} (pid {self._killed_pid}) is killed with SIGKILL, messages in hand;"
            f" {served} users were being served."
        )

    def _busiest(self) -> int | None:
        """Find the worker with most in hand, by its last sign of life; None while it cannot be known."""
        try:
            workers = sorted(self._channel.broker.workers(), key=lambda worker: worker.in_hand, reverse=True)
        except StoreUnavailable:
            return None
        masters = self._okos.worker_pids
        if len(self._parts) == 1 and workers and not workers[0].in_hand and self._left[0]:
            return None  # the other worker may have the only message: look again
        for worker in workers:
            try:
                return masters.index(os.getsid(worker.pid))  # its Dramatiq master leads a session
            except (ProcessLookupError, ValueError):
                continue
        return None

    def _watch_the_recovery(self) -> None:
        with self._lock:
            rerun_ms = self._tally.rerun_ms()
            killed_ms = self._tally.killed_ms or 0
        if rerun_ms is not None and not self._rerun_told:
            self._rerun_told = True
            self._screen.event(f"Its messages run again, from {rerun_ms / 1000:.1f} s after the kill on.")
        now = time.monotonic()
        if self._replaced_ms is None and now - self._looked_at > _LOOK_S:
            self._looked_at = now
            try:
                new = {worker.pid for worker in self._channel.broker.workers()} - self._pids
            except StoreUnavailable:
                return
            if new:
                self._replaced_ms = wall_ms() - killed_ms
                self._screen.event(
                    f"A new worker has taken its place, {self._replaced_ms / 1000:.1f} s after the kill."
                )

    def _report(self) -> Report:
        stats = self._stats()
        with self._lock:
            kill = None
            if self._killed_pid is not None:
                kill = Kill(
                    pid=self._killed_pid,
                    held=0 if stats is None else stats.stalled,
                    rerun_ms=self._tally.rerun_ms(),
                    replaced_ms=self._replaced_ms,
                )
            return Report(
                rows=[user.row() for user in self._tally.users],
                concurrency=self._tally.concurrency(),
                duration_ms=self._tally.duration_ms(),
                kill=kill,
            )

    def _stats(self) -> Stats | None:
        try:
            return self._channel.broker.stats()
        except StoreUnavailable:
            return None

    def _see_reply(self, delivered: Delivered) -> None:
        with self._lock:
            self._tally.answered(delivered.reply, written_ms=delivered.written_ms, now_ms=wall_ms())

    def _see_glimpse(self, glimpse: Glimpse) -> None:
        with self._lock:
            self._tally.glimpsed(glimpse, now_ms=wall_ms())

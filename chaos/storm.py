"""One storm: a plan is run on a server and workers of its own, and everything that can be known of it is gathered."""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from chaos.aftermath import forget_history, read_commits
from chaos.crew import BOOT_S, Crew, Span
from chaos.evidence import Evidence, Totals
from chaos.letter import letters
from chaos.load import Load
from chaos.note import read_notes
from chaos.operating import Operator
from chaos.outbox import Outbox
from chaos.pair import Pair
from chaos.patience import wait_until
from chaos.sample import Sample, look_at
from chaos.server import Server
from chaos.wire import Wires
from okos.mailbox import MailboxBroker, StoreUnavailable
from okos.mailbox.options import EngineOptions
from okos.mailbox.script import compose

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.plan import Plan
    from chaos.trouble import Trouble

#: How often the harness looks after the workers.
LOOK_S = 0.02
STOP_S = 60.0
#: No script is done before, and hardly a command of one takes so long.
SHORT_US = 25
#: More than a scenario that counts slow calls can have.
SLOW_CALLS = 100_000
#: A cancel is for one of the last messages that were accepted: others have long ended.
RECENT = 12

Say = Callable[[str], None]


class Storm:
    """Runs one plan. From one thread, and once.

    Args:
        plan: What to do.
        directory: An empty one, with a short path; the notes and logs stay there.
        say: Told what happens, as it happens.
    """

    def __init__(self, plan: Plan, directory: Path, say: Say) -> None:
        self._plan = plan
        self._directory = directory
        self._say = say
        self.server = Pair(directory) if plan.has_replica else Server(directory)
        self._options: dict[str, Any] = {  # Any: JSON
            "notes": str(directory / "notes"),
            "lease_ms": plan.lease_ms,
            "grace_ms": plan.grace_ms,
            "dead_count": plan.keep_dead,
            "keep_commits": plan.keep_commits,
            "max_retries": plan.max_retries,
            "jobs": plan.jobs,
            "rate": {},
        }
        self._wires: Wires | None = None
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._happened: list[tuple[int, Trouble, str]] = []
        self._samples: list[Sample] = []
        self._cut_numbers: set[int] = set()
        self._idle_calls = 0
        self._claims_us: list[int] = []

    def run(self) -> Evidence:
        """Run the plan and return the evidence. Nothing that was started is left behind."""
        plan = self._plan
        (self._directory / "notes").touch()
        self.server.start()
        self.broker = MailboxBroker(self.server.url, lease_ms=plan.lease_ms, middleware=[])
        self.crew = Crew(
            self._directory,
            self._options,
            size=plan.workers,
            threads=plan.threads,
            urls=self._addresses(),
            old=plan.old,
            old_home=plan.old_home,
        )
        outbox = Outbox(self.server.url, lease_ms=plan.lease_ms)
        self.load = Load(self.broker, letters(plan.seed, plan.mix), rate=plan.rate, most=plan.most)
        self.operator = Operator(self.broker, self.server)
        try:
            self._await_workers()
            self._sit_idle()
            started_ns = time.monotonic_ns()
            if plan.is_held_back:
                self.broker.pause()
                self.server.configure("appendfsync", "everysec")  # nobody kills it: publishing is not to take minutes
            self.load.start()
            self.operator.start()
            self._rage()
            if plan.is_held_back:
                self._let_go()
            is_drained = self._drain()
            self._say("drained" if is_drained else "not drained in time")
            outbox.close()
            is_gone = self.crew.stop(STOP_S)
            return self._evidence(started_ns, outbox, is_drained=is_drained, is_gone=is_gone)
        finally:
            with suppress(StoreUnavailable):
                outbox.close()
            self.crew.stop(0)
            self.broker.close()
            if self._wires is not None:
                self._wires.close()
            self.server.stop()

    def _addresses(self) -> list[str]:
        """Lay a wire to each worker, if any is to be cut."""
        count = self._plan.workers
        if not any(trouble.kind == "cut" for trouble in self._plan.troubles):
            return [self.server.url] * count
        self._wires = Wires(self._directory, self.server.socket, count)
        return [self._wires.url(number) for number in range(count)]

    # -- the storm itself --------------------------------------------------------------------------------------------

    def _await_workers(self) -> None:
        def all_serve() -> bool:
            self.crew.look()
            return len(self.broker.workers()) >= self._plan.workers and len(self.crew.worker_pids()) == len(
                self.crew.members
            )

        if not wait_until(all_serve, deadline_s=BOOT_S):
            raise RuntimeError(f"the workers do not serve; see {self._directory}/workers.log")
        self._say(f"{self._plan.workers} workers serve")

    def _sit_idle(self) -> None:
        """Let the workers do nothing, and count what they ask of the server meanwhile."""
        plan = self._plan
        if plan.slow_us is not None:
            self.server.note_calls(slower_than_us=plan.slow_us, most=SLOW_CALLS)
        if not plan.idle_s:
            return
        before = self.server.info("stats")["total_reads_processed"]
        wait_until(lambda: False, deadline_s=plan.idle_s, pause_s=1.0)
        self._idle_calls = self.server.info("stats")["total_reads_processed"] - before - 1
        self._say(f"{self._idle_calls} round trips in {plan.idle_s:.0f} s")

    def _rage(self) -> None:
        """Do what the plan says when it says so, and look after the workers, until the plan is over."""
        plan = self._plan
        start = time.monotonic()
        end = start + plan.seconds
        for trouble in plan.troubles:
            self._at(start + trouble.at_ms / 1000, partial(self._bring, trouble))
        sample_at = start
        while self._steps or (time.monotonic() < end and self.load.is_alive()):
            now = time.monotonic()
            while self._steps and self._steps[0][0] <= now:
                heapq.heappop(self._steps)[2]()
            self.crew.look()
            if plan.sample_s and now >= sample_at:
                self._sample(now - start)
                sample_at += plan.sample_s
            time.sleep(LOOK_S)
        self._say(f"the storm is over after {time.monotonic() - start:.0f} s")

    def _sample(self, at_s: float) -> None:
        watched = {self.server.pid: "server", os.getpid(): "harness"}
        watched |= {pid: f"worker {pid}" for pid in self.crew.worker_pids()}
        self._samples += [sample for pid, who in watched.items() if (sample := look_at(pid, who, at_s))]

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (when, next(self._number), action))

    def _after(self, trouble: Trouble, action: Callable[[], None]) -> None:
        self._at(time.monotonic() + trouble.lasts_ms / 1000, action)

    def _bring(self, trouble: Trouble) -> None:
        at_ns = time.monotonic_ns()
        whom = self._act(trouble)
        self._happened.append((at_ns, trouble, whom))
        if trouble.kind not in ("cancel", "pause"):
            lasts = f" for {trouble.lasts_ms} ms" if trouble.lasts_ms else ""
            self._say(f"{trouble.at_ms / 1000:6.1f} s  {trouble.kind}{lasts} {whom}")

    def _act(self, trouble: Trouble) -> str:  # noqa: C901, PLR0912 - one branch a kind
        """Bring one trouble about; returns whom it hit."""
        crew, pick, operator = self.crew, trouble.pick, self.operator
        whom = ""
        match trouble.kind:
            case "kill":
                whom = str(crew.kill(pick))
            case "master":
                whom = str(crew.kill_master(pick))
            case "term":
                whom = str(crew.terminate(pick))
            case "freeze":
                pid = crew.freeze(pick)
                self._after(trouble, partial(crew.thaw, pid))
                whom = str(pid)
            case "cut":
                whom = self._cut_off(trouble)
            case "restart":
                self.server.kill()
                self._after(trouble, self.server.start)
            case "stall":
                self.server.freeze()
                self._after(trouble, self.server.thaw)
            case "memory":
                operator.fill()
                self._after(trouble, operator.relieve)
            case "failover" | "swap":
                assert isinstance(self.server, Pair)  # noqa: S101 - the plan says that it has a replica
                self.server.failover() if trouble.kind == "failover" else self.server.swap()
            case "disconnect":
                operator.disconnect_all()
            case "flush":
                operator.forget_scripts()
            case "exit":
                self.load.poison()
            case "hang":
                self.load.hang()
            case "cancel":
                recent = list(self.load.accepted)[-RECENT:]
                if recent:
                    whom = recent[int(pick * len(recent))]
                    operator.cancel(whom)
            case "clear":
                whom = f"user{int(pick * self._plan.mix.users)}"
                operator.clear(whom)
            case "pause" | "pauseall":
                whom = f"user{int(pick * self._plan.mix.users)}" if trouble.kind == "pause" else ""
                operator.pause(whom)
                self._after(trouble, partial(operator.resume, whom))
            case "requeue":
                operator.requeue()
        return whom

    def _cut_off(self, trouble: Trouble) -> str:
        assert self._wires is not None  # noqa: S101 - the plan has this kind
        number = int(trouble.pick * self._plan.workers)
        if number in self._cut_numbers:
            return "one that is"
        self._cut_numbers.add(number)
        self._wires.cut(number)
        span = self.crew.cuts(number)
        # the second digit of the dice says whether what is on its way arrives late or never
        self._after(trouble, partial(self._mend, number, span, loses=int(trouble.pick * 1000) % 2 == 0))
        return str(span.pid)

    def _mend(self, number: int, span: Span, *, loses: bool) -> None:
        assert self._wires is not None  # noqa: S101 - it was cut
        self._wires.mend(number, loses=loses)
        self._cut_numbers.discard(number)
        span.until_ns = time.monotonic_ns()

    def _let_go(self) -> None:
        """Let start what was held back, and the server time the first claims."""
        server, most = self.server, self._plan.claims
        self._say(f"{len(self.load.accepted)} messages wait")
        if most:
            # a claim comes with a settle; what a script calls is noted, too, unless it is too short
            server.note_calls(slower_than_us=SHORT_US, most=3 * most)
        self.broker.resume()
        if most:
            wait_until(
                lambda: server.count_noted() >= 3 * most or self.broker.stats().waiting == 0,
                deadline_s=self._plan.drain_s,
            )
            server.note_calls(slower_than_us=-1, most=3 * most)
            claims = [compose(name).digest.decode() for name in ("claim", "exchange")]
            self._claims_us = [us for us, call in server.noted_calls() if any(claim in call for claim in claims)]

    def _drain(self) -> bool:
        """Stop publishing and let everything come to its end."""
        self.load.stop()
        self.operator.stop()

        def is_drained() -> bool:
            self.crew.look()
            if self.load.is_alive() or self.operator.is_alive():
                return False
            try:
                stats = self.broker.stats()
            except StoreUnavailable:
                return False
            return stats.waiting == 0 and stats.running == 0

        return wait_until(is_drained, deadline_s=self._plan.drain_s, pause_s=0.05)

    # -- afterwards --------------------------------------------------------------------------------------------------

    def _evidence(self, started_ns: int, outbox: Outbox, *, is_drained: bool, is_gone: bool) -> Evidence:
        plan, load, crew = self._plan, self.load, self.crew
        stats, options = self.broker.stats(), EngineOptions(lease_ms=plan.lease_ms)
        dead = self.broker.failed(limit=stats.dead)
        evidence = Evidence(
            seed=plan.seed,
            lease_ms=plan.lease_ms,
            sweep_ms=options.sweep_ms,
            max_stalls=options.max_stalls,
            grace_ms=plan.grace_ms,
            jobs=plan.jobs,
            started_ns=started_ns,
            accepted=load.accepted,
            sent_at_ns=load.sent_at_ns,
            accepted_at_ns=load.accepted_at_ns,
            notes=read_notes(self._directory / "notes"),
            commits=read_commits(self.broker, {letter.user for letter in load.accepted.values()}),
            replies=outbox.replies,
            dead={letter.id: letter.error for letter in dead},
            died_after={letter.id: letter.attempts for letter in dead},
            requeued_at_ns=self.operator.requeued_at_ns,
            reborn_at_ns=self.operator.reborn_at_ns,
            cancels=self.operator.cancels,
            clears=self.operator.clears,
            pauses=self.operator.pauses,
            troubles=self._happened,
            killed=crew.killed,
            asked=crew.asked,
            asked_again=crew.asked_again,
            orphans=crew.orphans,
            frozen=crew.frozen,
            cut=crew.cut,
            outages=self.server.outages,
            totals=Totals(
                accepted=stats.accepted,
                done=stats.done,
                died=stats.died,
                cancelled=stats.cancelled,
                requeued=stats.requeued,
                stalled=stats.stalled,
                waiting=stats.waiting,
                running=stats.running,
            ),
            is_drained=is_drained,
            is_gone=is_gone,
            restarts=crew.restarts,
            refusals=dict(load.refusals),
            idle_calls=self._idle_calls,
            samples=self._samples,
            slow_calls=[] if plan.slow_us is None else self.server.noted_calls(),
            claims_us=self._claims_us,
        )
        if is_drained:
            forget_history(self.server.url, lease_ms=plan.lease_ms)
            evidence.left_keys = self.server.lasting_keys()
        return evidence

"""The engine against a model of itself: random transitions, every invariant looked up in the real keys after each.

I1 a mailbox's place is what its window says. I2 at most `jobs` messages of a mailbox are between first start and end,
and only a live token changes anything. I3 what was accepted waits, runs, is done, died or was cancelled. I4 order:
with a window of one a message starts only after the one before it has ended. I6 no record without a place.
I5 (no mailbox twice in a ring) holds by the ring's type: a set.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from mailbox_model import LEASE_MS, MAX_STALLS, Model, Msg
from mailboxes import START_MS, End, Keys, Mailboxes

from okos.mailbox.effect import Publish

if TYPE_CHECKING:
    from okos.mailbox.delivery import Claimed

STEPS = 10_000

BOXES = st.sampled_from(["a", "b", "c"])
QUEUES = st.sampled_from(["text", "photo"])
BANDS = st.sampled_from([1, 1, 0, 2])
CLAIMERS = st.sampled_from(["one", "two", "three"])
OPS = st.sampled_from(["ack", "ack", "ack", "retry", "dead", "told", "release", "unstarted", "defer"])
DELAYS = st.sampled_from([0, 0, 0, 1, 100, LEASE_MS])
JUMPS = st.sampled_from([0, 1, 49, 50, 100, LEASE_MS // 3, LEASE_MS // 3 + 1, LEASE_MS - 1, LEASE_MS, LEASE_MS + 1])


class Engine(RuleBasedStateMachine):
    """See the module."""

    url: ClassVar[str]
    steps: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()
    mailboxes: ClassVar[Mailboxes]

    @initialize(jobs=st.integers(1, 3))
    def begin(self, jobs: int) -> None:
        """Empty the namespace."""
        boxes = self.mailboxes
        boxes.admin.flushdb()
        boxes.now_ms = START_MS
        boxes.advance(0)
        boxes.limit(jobs=jobs)
        boxes.store.call("lease", "role", "successor", 86_400_000)
        self.model = Model(START_MS, jobs)
        self.tokens: list[Claimed] = []
        self.settled: list[tuple[str, int, tuple[End, ...], list[str]]] = []
        self.claimed: list[tuple[str, int, tuple[Claimed, ...]]] = []
        self.number = 0

    def note(self, what: str) -> None:
        """Count a step, and that this case was met at all."""
        type(self).steps += 1
        self.seen[what] += 1

    def new(self, box: str, queue: str, band: int) -> Msg:
        """Name a message."""
        self.number += 1
        return Msg(id=f"m{self.number:04}", box=box, queue=queue, band=band, order=self.number)

    # -- rules -------------------------------------------------------------------------------------------------------

    @rule(
        box=BOXES,
        queue=QUEUES,
        band=BANDS,
        delay_ms=DELAYS,
        hold_ms=DELAYS,
        expires_ms=st.sampled_from([0, 0, 0, 100, LEASE_MS]),
        told=st.booleans(),
        strict=st.sampled_from([False, False, True]),
        stalls=st.sampled_from([0, 0, 1, 3]),
    )
    def publish(
        self,
        *,
        box: str,
        queue: str,
        band: int,
        delay_ms: int = 0,
        hold_ms: int = 0,
        expires_ms: int = 0,
        told: bool = False,
        strict: bool = False,
        stalls: int = 0,
    ) -> None:
        """Put a message in."""
        msg = self.new(box, queue, band)
        msg.due_ms = self.model.now_ms + hold_ms if hold_ms else 0
        msg.strict, msg.max_stalls = strict, stalls or MAX_STALLS
        if expires_ms:
            msg.expires_ms = self.model.now_ms + delay_ms + expires_ms
        on_dead = None
        if told:
            msg.apology = self.new("outbox", "outbox", 1)
            on_dead = self.mailboxes.publication(msg.apology.id, "outbox", queue="outbox")
        self.model.sign()
        outcome = self.mailboxes.publish(
            msg.id,
            box,
            queue=queue,
            band=band,
            delay_ms=delay_ms,
            hold_ms=hold_ms,
            expires_ms=expires_ms,
            on_dead=on_dead,
            strict=strict,
            max_stalls=stalls,
        )
        assert outcome == self.model.publish(msg, delay_ms=delay_ms) == "new"
        self.note("delayed" if delay_ms else "published")

    @rule(
        box=BOXES,
        queue=QUEUES,
        backlog=st.integers(1, 3),
        on_full=st.sampled_from(["reject", "drop_oldest", "coalesce", "coalesce"]),
        delay_ms=st.sampled_from([0, 0, 0, 100]),
        count=st.integers(1, 3),
    )
    def publish_into_full(self, *, box: str, queue: str, backlog: int, on_full: str, delay_ms: int, count: int) -> None:
        """Put messages in, each if there is room or as its way to make some says."""
        for _ in range(count):
            msg = self.new(box, queue, 1)
            self.model.sign()
            outcome = self.mailboxes.publish(
                msg.id, box, queue=queue, delay_ms=delay_ms, max_backlog=backlog, on_full=on_full, actor="answer"
            )
            assert outcome == self.model.publish(msg, delay_ms=delay_ms, backlog=backlog, on_full=on_full)
            self.note(f"{on_full}: {outcome}")

    @rule(box=BOXES, delay_ms=st.sampled_from([0, 0, 100]), hold_ms=DELAYS)
    def publish_latest(self, *, box: str, delay_ms: int, hold_ms: int) -> None:
        """Put a message in that takes the place of all that its mailbox holds."""
        msg = self.new(box, "text", 1)
        msg.due_ms = self.model.now_ms + hold_ms if hold_ms else 0
        msg.latest = True
        self.model.sign()
        outcome = self.mailboxes.publish(
            msg.id, box, queue="text", delay_ms=delay_ms, hold_ms=hold_ms, latest_wins=True
        )
        assert outcome == self.model.publish(msg, delay_ms=delay_ms) == "new"
        self.note("published as the latest")

    @rule(box=BOXES, count=st.integers(1, 3))
    def publish_plain(self, box: str, count: int) -> None:
        """Put some messages in that may start at once."""
        for _ in range(count):
            self.publish(box=box, queue="text", band=1)

    @rule(claimer=CLAIMERS, n=st.integers(1, 4))
    def claim_widely(self, claimer: str, n: int) -> None:
        """Start whatever there is."""
        self.claim(claimer=claimer, n=n, queues=("text", "photo", "outbox"), may_suspect=True)

    @rule(
        claimer=CLAIMERS,
        n=st.integers(1, 4),
        queues=st.sampled_from([("text",), ("photo",), ("text", "photo"), ("photo", "text", "outbox")]),
        may_suspect=st.booleans(),
    )
    def claim(self, claimer: str, n: int, queues: tuple[str, ...], *, may_suspect: bool) -> None:
        """Start what may start, and nothing else."""
        model = self.model
        model.sign()
        sequence = self.mailboxes.next_sequence()
        claim = self.mailboxes.claim_all(claimer, n, queues=queues, sequence=sequence, may_suspect=may_suspect)
        model.promote()
        suspects = 0
        for one in claim.started:
            msg = model.startable(one.mailbox)
            assert msg is not None, f"{one.id} started: nothing of its mailbox may start"
            assert msg.id == one.id, f"{one.id} started before {msg.id}"
            assert msg.queue in queues
            suspects += msg.is_suspect
            assert one.suspect == msg.is_suspect
            model.start(msg, one.token, claimer)
            assert (one.attempt, one.retries, one.stalls) == (msg.attempts, msg.retries, msg.stalls)
        assert suspects <= may_suspect
        if len(claim.started) < n and (model.jobs == 1 or not claim.started):
            # Whoever could have started was served. (With a wider window a mailbox joins its ring again in the same
            # call, and may be served twice before another is; the bell has been rung then.)
            for box in model.boxes:
                msg = model.startable(box)
                if msg is not None and msg.queue in queues and box not in {one.mailbox for one in claim.started}:
                    assert msg.is_suspect, f"{msg.id} could have started"
                    assert suspects or not may_suspect
        self.tokens += claim.started
        self.claimed.append((claimer, sequence, claim.started))
        self.note(f"claimed {len(claim.started)}, window {model.jobs}")

    @precondition(lambda self: self.tokens)
    @rule(
        which=st.lists(st.integers(0, 10**6), min_size=1, max_size=3, unique=True),
        op=OPS,
        delay_ms=DELAYS,
        effect_box=st.sampled_from(["", "", "a", "b", "outbox"]),
    )
    def settle(self, which: list[int], op: str, delay_ms: int, effect_box: str) -> None:
        """End attempts: the newest ones most of the time, and sometimes ones that were lost long ago."""
        chosen = {self.tokens[-1 - number % min(6, len(self.tokens))].token for number in which}
        ends: list[End] = []
        expected: list[str] = []
        self.model.sign()
        for one in [one for one in self.tokens if one.token in chosen]:
            effects: list[Msg] = []
            if effect_box and op in {"ack", "dead", "told"}:
                effects.append(self.new(effect_box, "outbox" if effect_box == "outbox" else "text", 1))
            expected.append(self.model.settle(one.token, op, delay_ms, effects))
            published = [
                Publish(self.mailboxes.publication(msg.id, msg.box, queue=msg.queue, band=msg.band)) for msg in effects
            ]
            ends.append(End(one.id, one.token, op, delay_ms, error="boom", effects=published))
        sequence = self.mailboxes.next_sequence()
        assert self.mailboxes.settle_all(*ends, claimer="one", sequence=sequence) == expected
        self.settled.append(("one", sequence, tuple(ends), expected))
        for outcome in expected:
            self.note(f"{op}: {outcome}")

    @precondition(lambda self: self.tokens)
    @rule(op=OPS)
    def settle_newest(self, op: str) -> None:
        """End the attempt that was started last."""
        self.settle(which=[0], op=op, delay_ms=0, effect_box="")

    @precondition(lambda self: self.number)
    @rule(what=st.sampled_from(["publish", "claim", "settle"]), which=st.integers(0, 10**6))
    def repeat(self, what: str, which: int) -> None:
        """Make a call again: its reply was lost, or its sender did not know."""
        if what == "publish":
            self.publish_again(which)
        elif what == "claim" and self.claimed:
            self.claim_again()
        elif what == "settle" and self.settled:
            self.settle_again()

    def publish_again(self, which: int) -> None:
        """Send a message that was sent before, whatever became of it."""
        known = sorted(filter(self.model.is_remembered, [*self.model.live, *self.model.ended]))
        if not known:
            return
        self.model.sign()
        merged = sorted(alias for alias, into in self.model.aliases.items() if self.model.is_remembered(into))
        if merged:
            alias = merged[which % len(merged)]
            again = self.mailboxes.publication(alias, "a", queue="text", on_full="coalesce")
            assert self.mailboxes.store.publish(again) == ("seen", self.model.aliases[alias])
            self.note("published again: merged")
        assert self.mailboxes.publish(known[which % len(known)], "a", queue="text") == "seen"
        self.note("published again")

    def claim_again(self) -> None:
        """Repeat a claimer's last claim: its reply was lost."""
        claimer, sequence, started = self.claimed[-1]
        if not started:
            return
        self.model.sign()
        again = self.mailboxes.claim_all(claimer, 4, queues=("text",), sequence=sequence)
        held = {msg.token for msg in self.model.live.values() if msg.token}
        assert [one.token for one in again.started] == [one.token for one in started if one.token in held]
        for one in again.started:
            if not self.model.live[one.id].flagged:
                self.model.renew(one.token)
        self.note("claimed again")

    def settle_again(self) -> None:
        """Repeat the last settle: its reply was lost."""
        claimer, sequence, ends, expected = self.settled[-1]
        assert self.mailboxes.settle_all(*ends, claimer=claimer, sequence=sequence) == expected
        self.note("settled again")

    @rule(claimer=CLAIMERS, which=st.lists(st.integers(0, 10**6), max_size=4, unique=True))
    def renew(self, claimer: str, which: list[int]) -> None:
        """Give a sign of life for some tokens, live or lost."""
        chosen = {self.tokens[-1 - number % len(self.tokens)].token for number in which} if self.tokens else set()
        held = [one for one in self.tokens if one.token in chosen]
        self.model.sign()
        lost = self.mailboxes.renew(*held, claimer=claimer)
        self.model.lease_known = True
        assert lost == [one.id for one in held if not self.model.renew(one.token)]
        self.note("renewed")

    @rule(jump_ms=JUMPS, living=st.booleans())
    def pass_time(self, jump_ms: int, *, living: bool) -> None:
        """Let time pass: in one jump, which may be an outage, or with somebody looking all the time."""
        for step_ms in [jump_ms // 4] * 3 + [jump_ms - jump_ms // 4 * 3] if living else [jump_ms]:
            self.mailboxes.advance(step_ms)
            self.model.now_ms += step_ms
            if living:
                self.mailboxes.store.call("stats")
                self.model.sign()
        self.note("lived on" if living else "jumped")

    @rule()
    def stall(self) -> None:
        """Let a lease run out that nobody renews."""
        self.pass_time(jump_ms=LEASE_MS, living=True)
        self.sweep()

    @rule()
    def sweep(self) -> None:
        """Find what nobody looks after."""
        self.model.sign()
        found = self.model.sweep()
        assert set(self.mailboxes.sweep()) == found
        for _, what in found:
            self.note(f"swept: {what}")
        self.note("swept")

    @rule(claimer=CLAIMERS)
    def take_back(self, claimer: str) -> None:
        """Find what a claimer held that is gone, before its lease runs out."""
        self.model.sign()
        found = self.model.take_back(claimer)
        assert set(self.mailboxes.take_back(claimer) or ()) == found
        for _, what in found:
            self.note(f"taken back: {what}")

    @precondition(lambda self: self.model.live)
    @rule(which=st.integers(0, 10**6), running=st.sampled_from([True, True, True, False]))
    def cancel(self, which: int, *, running: bool) -> None:
        """Cancel one message, mostly one that runs."""
        known = sorted(msg.id for msg in self.model.live.values() if msg.state == "running" or not running)
        known += sorted(part for message_id in known for part in self.model.live[message_id].parts)
        if not known:
            return
        message_id = known[which % len(known)]
        self.model.sign()
        outcome = self.mailboxes.store.call("cancel", message_id, "cancelled").decode()
        assert outcome == self.model.cancel(message_id)
        self.note(f"cancel: {outcome}")

    @rule(box=BOXES)
    def cancel_mailbox(self, box: str) -> None:
        """Cancel all of a mailbox."""
        self.model.sign()
        outcome = self.mailboxes.store.call("cancel_mailbox", box, "cancelled")
        assert tuple(outcome) == self.model.cancel_mailbox(box)
        self.note("cancelled a mailbox")

    @precondition(lambda self: self.model.live)
    @rule(which=st.integers(0, 10**6), hold_ms=DELAYS)
    def hold(self, which: int, hold_ms: int) -> None:
        """Let a message wait in its place, by its own id or by that of a part of it."""
        known = sorted([*self.model.live, *self.model.aliases])
        message_id = known[which % len(known)]
        self.model.sign()
        outcome = self.mailboxes.store.call("hold", message_id, hold_ms)
        assert outcome == self.model.hold(message_id, hold_ms)
        self.note(f"held: {outcome}")

    @precondition(lambda self: self.model.dead)
    @rule(which=st.integers(0, 10**6))
    def requeue(self, which: int) -> None:
        """Give a dead letter another life, and ask for it twice."""
        known = sorted(self.model.dead)
        message_id = known[which % len(known)]
        self.model.sign()
        assert self.mailboxes.store.call("requeue", message_id, message_id) == 1
        self.model.requeue(message_id)
        self.note("requeued")

    @rule(box=BOXES, pausing=st.booleans())
    def pause(self, box: str, *, pausing: bool) -> None:
        """Stop a mailbox, or let it go on."""
        self.model.sign()
        changed = self.mailboxes.store.call("pause", box, "pause" if pausing else "resume")
        assert changed == (pausing != (box in self.model.paused))
        (self.model.paused.add if pausing else self.model.paused.discard)(box)
        self.note("paused" if pausing else "resumed")

    # -- what must hold after each -----------------------------------------------------------------------------------

    @invariant()
    def keys_hold_what_the_model_says(self) -> None:
        """Compare every record, list and number."""
        if not hasattr(self, "model"):
            return
        keys, model = self.mailboxes.keys(), self.model
        boxes = {name[4:]: ids for name, ids in keys.lists.items() if name.startswith("box:")}
        assert boxes == model.boxes
        records = {name[4:]: record for name, record in keys.hashes.items() if name.startswith("msg:")}
        for message_id in model.trash:
            records.pop(message_id, None)
        assert set(records) == set(model.live) | set(model.dead)
        assert set(keys.scores.get("dead", {})) == set(model.dead)
        running = {msg.id: msg.lease_ms for msg in model.live.values() if msg.state == "running"}
        assert keys.scores.get("leases", {}) == running
        delayed = {msg.id: msg.lease_ms for msg in model.live.values() if msg.state == "delayed"}
        assert {member[16:]: due for member, due in keys.scores.get("delayed", {}).items()} == delayed
        for msg in model.live.values():
            record = records[msg.id]
            assert record["state"] == msg.state
            assert record.get("token", "") == msg.token
            assert int(record.get("attempts", 0)) == msg.attempts
            assert int(record.get("retries", 0)) == msg.retries
            assert int(record.get("stalls", 0)) == msg.stalls
            if msg.state in {"waiting", "backoff"}:
                assert int(record.get("due", 0)) == msg.due_ms
        self.places_are_what_the_windows_say(keys)
        counts = {name: keys.counts.get(name, 0) for name in model.counts}
        assert counts == model.counts
        came = counts["accepted"] + counts["requeued"]
        assert came == len(model.live) + counts["done"] + counts["died"] + counts["cancelled"]

    def places_are_what_the_windows_say(self, keys: Keys) -> None:
        """Look up I1 and I2."""
        model = self.model
        for box, ids in model.boxes.items():
            window = model.window(box)
            begun = [message_id for message_id in ids if model.live[message_id].started or model.live[message_id].token]
            assert set(begun) <= {msg.id for msg in window}, f"more than {model.jobs} of {box} have started: {begun}"
            msg = model.startable(box)
            timer = keys.scores.get("timed", {}).get(box)
            if msg is not None and not (timer is not None and timer <= model.now_ms):
                ring = keys.scores.get(f"ready:{msg.queue}:{msg.band}", {})
                assert box in ring, f"{msg.id} may start and its mailbox {box} is not in its ring"
            waiting = [one.due_ms for one in window if one.state != "running" and one.due_ms > model.now_ms]
            if msg is None and waiting and box not in model.paused:
                # of those that have never started only the first may
                fresh = [one for one in window if one.state != "running" and not one.started]
                soonest = min(one.due_ms for one in window if one.state != "running" and one not in fresh[1:])
                rings = [name for name, members in keys.scores.items() if name.startswith("ready:") and box in members]
                assert rings or (timer is not None and timer <= soonest), f"nobody will look at mailbox {box} in time"

    def teardown(self) -> None:
        """Run what is left to its end: everything accepted becomes terminal and nothing remains."""
        if hasattr(self, "model"):
            for box in self.model.paused:
                self.mailboxes.store.call("pause", box, "resume")
            self.mailboxes.drain()
            self.mailboxes.assert_nothing_is_left()


@pytest.mark.timeout(600)  # some minutes on a slow machine
def test_the_engine_does_what_its_model_does(url: str) -> None:
    Engine.mailboxes = Mailboxes(url + "?db=1", "model")
    Engine.mailboxes.publication("names its queues", queue="text")
    try:
        run_state_machine_as_test(
            Engine,
            settings=settings(
                max_examples=260,
                stateful_step_count=60,
                deadline=None,
                report_multiple_bugs=False,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        Engine.mailboxes.admin.flushdb()
        Engine.mailboxes.close()

    assert Engine.steps >= STEPS
    never = {
        "swept: dead",
        "swept: stalled",
        "swept: expired",
        "ack: lost",
        "cancel: flagged",
        "ack: cancelled",
        "taken back: stalled",
        "taken back: dead",
        "reject: full",
        "drop_oldest: new",
        "coalesce: merged",
        "coalesce: full",
        "published again: merged",
        "held: 0",
        "held: 1",
    } - set(Engine.seen)
    assert not never, f"the rules never came to {never}"

"""What the engine should do, in plain Python: lists, states and instants; no rings and no timers.

Rule: nothing here is copied from the Lua. Where several answers are right (which mailbox is served first) the model
says whether an answer is right; where one is, it says which.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile

LEASE_MS = 15_000
MAX_STALLS = 1
FLAGGED_MS = 5000
#: How long the engine knows the id of a message that has ended, at least.
REMEMBERED_MS = 60_000

#: The clock's sign of life is written this coarsely.
SIGN_MS = 50


@dataclass(slots=True, kw_only=True)
class Msg:
    """A message that was accepted and has not ended."""

    id: str
    box: str
    queue: str
    band: int
    order: int
    state: str = "waiting"
    due_ms: int = 0
    expires_ms: int | None = None
    attempts: int = 0
    retries: int = 0
    stalls: int = 0
    started: bool = False
    token: str = ""
    claimer: str = ""
    lease_ms: int = 0
    flagged: bool = False
    epoch: int = 0
    apology: Msg | None = None
    strict: bool = False
    max_stalls: int = MAX_STALLS
    latest: bool = False
    merges: bool = False
    parts: list[str] = field(default_factory=list)

    @property
    def is_suspect(self) -> bool:
        """Whether a worker has died while running it."""
        return self.stalls >= self.max_stalls


@dataclass(slots=True)
class Model:
    """The mailboxes of one namespace."""

    now_ms: int
    jobs: int
    live: dict[str, Msg] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    ended_ms: dict[str, int] = field(default_factory=dict)
    dead: dict[str, Msg] = field(default_factory=dict)
    #: What was merged stands for what took it in.
    aliases: dict[str, str] = field(default_factory=dict)
    #: What was cancelled with its whole mailbox, and of which the store may still hold something.
    trash: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("accepted", "requeued", "done", "died", "cancelled"), 0)
    )
    lease_known: bool = False
    grace_ms: int = 0
    _sign_ms: int | None = None

    # -- time --------------------------------------------------------------------------------------------------------

    def sign(self) -> None:
        """Note that somebody looked at the clock."""
        if self._sign_ms is None:
            self._sign_ms = self.now_ms
        gap_ms = self.now_ms - self._sign_ms
        if self.lease_known and gap_ms > LEASE_MS / 3:
            self.grace_ms = self.now_ms + 2 * LEASE_MS // 3 + min(3500, LEASE_MS // 3)
        if gap_ms >= SIGN_MS:
            self._sign_ms = self.now_ms

    # -- what is -----------------------------------------------------------------------------------------------------

    def window(self, box: str) -> list[Msg]:
        """Return the messages that have, or may take, a place between first start and end."""
        held = [self.live[message_id] for message_id in self.boxes.get(box, [])[: self.jobs]]
        if held and held[0].strict:
            return held[:1]
        return list(takewhile(lambda msg: not msg.strict, held))

    def startable(self, box: str) -> Msg | None:
        """Return the message of a mailbox that starts next; None if none may start now."""
        for msg in self.window(box) if box not in self.paused else []:
            if msg.state == "running":
                continue
            if msg.due_ms <= self.now_ms:
                return msg
            if not msg.started:
                return None
        return None

    def count(self, state: str) -> int:
        """Count the messages in a state."""
        return sum(msg.state == state for msg in self.live.values())

    # -- what happens ------------------------------------------------------------------------------------------------

    def is_remembered(self, message_id: str) -> bool:
        """Whether the engine promises to know the id: while the message lives, and a minute longer."""
        return message_id in self.live or self.now_ms - self.ended_ms[message_id] < REMEMBERED_MS

    def publish(self, msg: Msg, *, delay_ms: int = 0, backlog: int = 0, on_full: str = "reject") -> str:
        """Accept a message once."""
        if msg.id in self.live or msg.id in self.ended:
            return "seen"
        if delay_ms:
            pass  # it takes no place in its mailbox yet
        elif msg.latest:
            self.cancel_mailbox(msg.box)
        elif backlog and len(self.boxes.get(msg.box, [])) >= backlog:
            waiting = [one for one in self.in_box(msg.box) if one.state == "waiting"]
            last = self.in_box(msg.box)[-1]
            if on_full == "drop_oldest" and waiting:
                self.end(waiting[0], "cancelled")
            elif on_full == "coalesce" and last.state == "waiting" and last.merges:
                last.parts.append(msg.id)
                self.aliases[msg.id] = last.id
                return "merged"
            else:
                return "full"
        msg.merges = on_full == "coalesce"
        self.counts["accepted"] += 1
        self.live[msg.id] = msg
        if delay_ms:
            msg.state = "delayed"
            msg.lease_ms = self.now_ms + delay_ms
        else:
            self.boxes.setdefault(msg.box, []).append(msg.id)
        return "new"

    def in_box(self, box: str) -> list[Msg]:
        """Return the messages of a mailbox in their order."""
        return [self.live[message_id] for message_id in self.boxes.get(box, [])]

    def cancel_mailbox(self, box: str) -> tuple[int, int]:
        """Cancel all of a mailbox, but for what runs, which is flagged; returns how many were each."""
        held = self.in_box(box)
        for msg in held:
            if msg.state == "running":
                self.cancel(msg.id)
            else:
                self.end(msg, "cancelled")
                self.trash.add(msg.id)
        flagged = sum(msg.flagged for msg in held)
        return len(held) - flagged, flagged

    def hold(self, message_id: str, hold_ms: int) -> bool:
        """Let a message that has never started wait in its place."""
        msg = self.live.get(self.aliases.get(message_id, message_id))
        if msg is None or msg.state != "waiting" or msg.attempts:
            return False
        msg.due_ms = self.now_ms + hold_ms
        return True

    def promote(self) -> None:
        """Let what is due join its mailbox."""
        due = [msg for msg in self.live.values() if msg.state == "delayed" and msg.lease_ms <= self.now_ms]
        for msg in sorted(due, key=lambda msg: (msg.lease_ms, msg.order)):
            if msg.latest:
                self.cancel_mailbox(msg.box)
            msg.state = "waiting"
            self.boxes.setdefault(msg.box, []).append(msg.id)

    def start(self, msg: Msg, token: str, claimer: str) -> None:
        """Give a message to a claimer."""
        msg.state = "running"
        msg.token, msg.claimer = token, claimer
        msg.attempts += 1
        msg.lease_ms = self.now_ms + LEASE_MS

    def end(self, msg: Msg, how: str, *, told: bool = False) -> None:
        """Take a message out for good, or until it is requeued."""
        if msg.state != "delayed":
            self.boxes[msg.box].remove(msg.id)
            if not self.boxes[msg.box]:
                del self.boxes[msg.box]
        del self.live[msg.id]
        self.ended[msg.id] = how
        self.ended_ms[msg.id] = self.now_ms
        self.counts[how] += 1
        if how == "died":
            self.dead[msg.id] = msg
            if msg.apology is not None and not told:
                again = f"-{msg.epoch}" if msg.epoch else ""
                self.publish(replace(msg.apology, id=msg.apology.id + again))

    def suspend(self, msg: Msg, *, due_ms: int = 0, counted: bool = True, started: bool = True) -> None:
        """Let a message start again, later."""
        msg.started = msg.started or started
        msg.state = "backoff" if msg.started else "waiting"
        msg.due_ms = due_ms
        msg.token = ""
        msg.attempts -= not counted

    def settle(self, token: str, op: str, delay_ms: int, effects: list[Msg]) -> str:
        """End an attempt."""
        msg = next((msg for msg in self.live.values() if msg.token == token), None)
        if msg is None:
            return "lost"
        if msg.flagged:
            self.end(msg, "cancelled")
            return "cancelled"
        match op:
            case "ack" | "dead" | "told":
                self.end(msg, "done" if op == "ack" else "died", told=op == "told")
                for effect in effects:
                    self.publish(effect)
            case "retry":
                msg.retries += 1
                self.suspend(msg, due_ms=self.now_ms + delay_ms)
            case "defer":
                self.suspend(msg, due_ms=self.now_ms + delay_ms, counted=False)
            case "release":
                self.suspend(msg, counted=False)
            case _:
                self.suspend(msg, counted=False, started=False)
        return "ok"

    def renew(self, token: str) -> bool:
        """Extend a lease; False if the token is not the live one."""
        for msg in self.live.values():
            if msg.token == token:
                if not msg.flagged:
                    msg.lease_ms = self.now_ms + LEASE_MS
                return True
        return False

    def cancel(self, message_id: str) -> str:
        """Cancel a message, or flag the one that runs."""
        msg = self.live.get(self.aliases.get(message_id, message_id))
        if msg is None:
            return "ended"
        if msg.state == "running":
            msg.flagged = True
            msg.lease_ms = min(msg.lease_ms, self.now_ms + FLAGGED_MS)
            return "flagged"
        self.end(msg, "cancelled")
        return "cancelled"

    def requeue(self, message_id: str) -> None:
        """Give a dead letter another life, at the tail of its mailbox."""
        msg = self.dead.pop(message_id)
        del self.ended[message_id]
        self.counts["requeued"] += 1
        msg.attempts = msg.retries = msg.stalls = msg.due_ms = 0
        msg.epoch += 1
        msg.started, msg.token, msg.state, msg.expires_ms = False, "", "waiting", None
        self.live[message_id] = msg
        self.boxes.setdefault(msg.box, []).append(message_id)

    def stall(self, msg: Msg) -> str:
        """End an attempt that nobody looks after."""
        if msg.flagged:
            self.end(msg, "cancelled")
            return "cancelled"
        msg.stalls += 1
        if msg.stalls > msg.max_stalls:
            self.end(msg, "died")
            return "dead"
        self.suspend(msg)
        return "stalled"

    def take_back(self, claimer: str) -> set[tuple[str, str]]:
        """End all that a claimer runs, which is gone."""
        held = [msg for msg in self.live.values() if msg.state == "running" and msg.claimer == claimer]
        return {(msg.id, self.stall(msg)) for msg in held}

    def sweep(self) -> set[tuple[str, str]]:
        """Find what nobody looks after."""
        found: set[tuple[str, str]] = set()
        if self.now_ms >= self.grace_ms:
            overdue = [msg for msg in self.live.values() if msg.state == "running" and msg.lease_ms <= self.now_ms]
            for msg in sorted(overdue, key=lambda msg: (msg.lease_ms, msg.id)):
                found.add((msg.id, self.stall(msg)))
        self.promote()
        self.trash.clear()
        for msg in list(self.live.values()):
            if msg.expires_ms is not None and msg.expires_ms <= self.now_ms:
                if msg.state == "running":
                    msg.expires_ms = self.now_ms + LEASE_MS
                else:
                    found.add((msg.id, "expired"))
                    self.end(msg, "cancelled")
        return found

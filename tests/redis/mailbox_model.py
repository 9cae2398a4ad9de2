"""What the engine should do, in plain Python: lists, states and instants; no rings and no timers.

Rule: nothing here is copied from the Lua. Where several answers are right (which mailbox is served first) the model
says whether an answer is right; where one is, it says which.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

LEASE_MS = 15_000
MAX_STALLS = 2
FLAGGED_MS = 5000

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
    lease_ms: int = 0
    flagged: bool = False
    epoch: int = 0
    apology: Msg | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether a worker has died while running it."""
        return self.stalls >= MAX_STALLS - 1 and self.stalls > 0


@dataclass(slots=True)
class Model:
    """The mailboxes of one namespace."""

    now_ms: int
    jobs: int
    live: dict[str, Msg] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    dead: dict[str, Msg] = field(default_factory=dict)
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
        return [self.live[message_id] for message_id in self.boxes.get(box, [])[: self.jobs]]

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

    def publish(self, msg: Msg, *, delay_ms: int = 0) -> str:
        """Accept a message once."""
        if msg.id in self.live or msg.id in self.ended:
            return "seen"
        self.counts["accepted"] += 1
        self.live[msg.id] = msg
        if delay_ms:
            msg.state = "delayed"
            msg.lease_ms = self.now_ms + delay_ms
        else:
            self.boxes.setdefault(msg.box, []).append(msg.id)
        return "new"

    def promote(self) -> None:
        """Let what is due join its mailbox."""
        due = [msg for msg in self.live.values() if msg.state == "delayed" and msg.lease_ms <= self.now_ms]
        for msg in sorted(due, key=lambda msg: (msg.lease_ms, msg.order)):
            msg.state = "waiting"
            self.boxes.setdefault(msg.box, []).append(msg.id)

    def start(self, msg: Msg, token: str) -> None:
        """Give a message to a claimer."""
        msg.state = "running"
        msg.token = token
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
        msg = self.live.get(message_id)
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

    def sweep(self) -> set[tuple[str, str]]:
        """Find what nobody looks after."""
        found: set[tuple[str, str]] = set()
        if self.now_ms >= self.grace_ms:
            overdue = [msg for msg in self.live.values() if msg.state == "running" and msg.lease_ms <= self.now_ms]
            for msg in sorted(overdue, key=lambda msg: (msg.lease_ms, msg.id)):
                if msg.flagged:
                    self.end(msg, "cancelled")
                    continue
                msg.stalls += 1
                if msg.stalls >= MAX_STALLS:
                    found.add((msg.id, "dead"))
                    self.end(msg, "died")
                else:
                    found.add((msg.id, "stalled"))
                    self.suspend(msg)
        self.promote()
        for msg in list(self.live.values()):
            if msg.expires_ms is not None and msg.expires_ms <= self.now_ms:
                if msg.state == "running":
                    msg.expires_ms = self.now_ms + LEASE_MS
                else:
                    found.add((msg.id, "expired"))
                    self.end(msg, "cancelled")
        return found

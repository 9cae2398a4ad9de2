"""What the store holds in one state of the small world: equal states look equal, and each can be put back.

Instants become ms from now, rings become their order, and what no transition decides by (statistics, bodies, bells,
heartbeats) is left out after it was checked. A key that is not known here stops the search: it has to be taught.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rules import expect
from world import LEASE_MS, NOT_STARTABLE, STEP_MS, Size, World, soonest_ms, start_ms, startable, window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = 1_000_000_000
#: A ring's front is far before every instant.
_FRONT = -4_000_000_000_000_000
#: The store is put back with this many tokens given; the next has the same length as the names that replace it.
TOKENS = 7
NONCE = "no"
ISSUED = f"{TOKENS + 1}-{NONCE}"

#: Ids that ended in this minute.
_SEEN = f"seen:{NOW // 60_000}"

Content = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The store, as far as it matters.

    Attributes:
        boxes: Mailbox -> ids.
        records: Id -> fields.
        rings: Queue -> mailboxes, next first, and whether each is there by right of the front.
        timed: Mailbox -> ms.
        leases: Id -> ms.
        trash: Lists that were cancelled whole.
        seen: Ids.
        replies: Claimer -> what is kept of its last call.
    """

    boxes: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    rings: dict[str, tuple[tuple[str, bool], ...]] = field(default_factory=dict)
    timed: dict[str, int] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    trash: tuple[tuple[str, ...], ...] = ()
    seen: frozenset[str] = frozenset()
    replies: dict[str, dict[str, str]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Write it down; equal states have equal lines."""
        return [
            *(f"box {name} {' '.join(ids)}" for name, ids in self.boxes.items()),
            *(f"record {name} {sorted(fields.items())}" for name, fields in self.records.items()),
            *(
                f"ring {queue} {place} {name} {front}"
                for queue, ring in self.rings.items()
                for place, (name, front) in enumerate(ring)
            ),
            *(f"timed {name} {ms}" for name, ms in self.timed.items()),
            *(f"trash {place} {' '.join(ids)}" for place, ids in enumerate(self.trash)),
            *(f"seen {name}" for name in self.seen),
            *(f"replies {name} {sorted(fields.items())}" for name, fields in self.replies.items()),
        ]

    def after(self, ms: int) -> Stored:
        """Return it some time later."""
        return Stored(
            boxes=self.boxes,
            records={
                name: {**fields, "due": str(max(0, int(fields["due"]) - ms))} if "due" in fields else fields
                for name, fields in self.records.items()
            },
            rings=self.rings,
            timed={name: max(0, left - ms) for name, left in self.timed.items()},
            leases={name: max(0, left - ms) for name, left in self.leases.items()},
            trash=self.trash,
            seen=self.seen,
            replies=self.replies,
        )

    def commands(self, world: World, size: Size, prepared: dict[str, str]) -> list[list[str]]:
        """Write the commands that put it back. What follows from the world is made from the world."""
        ended = [message.state for message in world.messages.values()]
        engine = {
            "jobs": size.jobs,
            "rate": size.rate,
            "burst": 1,
            "lease": LEASE_MS,
            "last": NOW - world.silence_ms,
            "grace": NOW + world.grace_ms,
            **({"pausing": 1} if world.paused - {"*"} else {}),
            **({"paused": 1} if "*" in world.paused else {}),
        }
        counts = {
            "accepted": len(ended) - ended.count("absent") + ended.count("dead"),
            "done": ended.count("done"),
            "died": ended.count("dead"),
            "cancelled": ended.count("cancelled"),
            "token": TOKENS,
            "seq": len(self.trash),
        }
        commands = [["HSET", "engine", *_flat(engine)], ["HSET", "counts", *_flat(counts)]]
        commands += [["RPUSH", f"box:{name}", *ids] for name, ids in self.boxes.items()]
        for name, fields in self.records.items():
            whole = {
                "at": NOW,
                "bytes": 1,
                "box": name[0],
                "queue": size.queue_of(name),
                "on_dead": prepared[name],
                **fields,
            }
            if world.messages[name].owner:
                whole["proc"] = world.messages[name].owner
            if "due" in fields:
                whole["due"] = NOW + int(fields["due"])
            commands.append(["HSET", f"msg:{name}", *_flat(whole)])
        for queue, ring in self.rings.items():
            scores = {
                name: (_FRONT if front else 0) + NOW * 1000 - 1000 + place for place, (name, front) in enumerate(ring)
            }
            commands += _scored(f"ready:{queue}:1", scores)
        commands += _scored("timed", {name: NOW + ms for name, ms in self.timed.items()})
        commands += _scored("leases", {name: NOW + ms for name, ms in self.leases.items()})
        commands += [["RPUSH", f"trash:{number}", *ids] for number, ids in enumerate(self.trash, 1)]
        if self.trash:
            commands.append(["RPUSH", "trash", *(f"{{m}}:trash:{number + 1}" for number in range(len(self.trash)))])
        if self.seen:
            commands.append(["SADD", _SEEN, *sorted(self.seen)])
        commands += [["HSET", f"proc:{name}", *_flat(fields)] for name, fields in self.replies.items()]
        if world.paused - {"*"}:
            commands.append(["SADD", "paused", *sorted(world.paused - {"*"})])
        commands += [
            ["HSET", f"rate:{name}", "level", f"{level:.9g}", "at", str(NOW)]
            for name, level in world.level.items()
            if level > 0
        ]
        return commands


class Found:
    """What a transition left in the store: every key, as text, and as `Stored` after it was checked."""

    def __init__(self, dump: Sequence[Sequence[bytes]], issued: str, prepared: dict[str, str]) -> None:
        self._prepared = prepared
        self._is_claimed = bool(issued)
        self.keys: dict[str, Content] = {}
        for name, _, content in dump:
            texts = [each.decode("latin-1") for each in content]  # type: ignore[attr-defined]  # Redis' nested reply
            if issued:
                texts = [text.replace(ISSUED, issued) for text in texts]
            self.keys[name.decode("latin-1")] = texts

    def pop_hash(self, name: str) -> dict[str, str]:
        """Take a hash out; empty if there is none."""
        flat = self.keys.pop(name, [])
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def pop_scores(self, name: str) -> dict[str, float]:
        """Take a sorted set out, in its order."""
        flat = self.keys.pop(name, [])
        return {flat[i]: float(flat[i + 1]) for i in range(0, len(flat), 2)}

    def pop_all(self, prefix: str) -> dict[str, Content]:
        """Take out every key that begins so, by the rest of its name."""
        names = [name for name in self.keys if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.keys.pop(name) for name in names}

    def as_stored(self, before: World, after: World, size: Size, known_ms: int) -> Stored:
        """Check that the store holds what the world says, and return what matters of it.

        Args:
            before: The world before the move.
            after: The world after it.
            size: The world's.
            known_ms: When the idle will look again anyway.

        Raises:
            Broken: It holds something else.
        """
        rung = {queue for queue in size.queues if self.keys.pop(f"bell:{queue}", None) is not None}
        self.keys.pop("procs", None)
        self._check_nothing_outlives_its_record()
        self._check_apologies(before, after)
        self._check_counts(after)
        self._check_policy(after, size)
        stored = Stored(
            boxes={name: self.keys.pop(f"box:{name}") for name in size.mailboxes if f"box:{name}" in self.keys},
            records=self._records(),
            rings={
                queue: tuple((name, score < 0) for name, score in self.pop_scores(f"ready:{queue}:1").items())
                for queue in size.queues
                if f"ready:{queue}:1" in self.keys
            },
            timed={name: _left(score) for name, score in self.pop_scores("timed").items()},
            leases={name: _left(score) for name, score in self.pop_scores("leases").items()},
            trash=self._trash(),
            seen=frozenset(self.keys.pop(_SEEN, [])),
            replies=self._replies(after),
        )
        expect(not self.keys, f"the search does not know the keys {sorted(self.keys)}")
        _check_records(stored, after, size)
        _check_places(stored, after, size)
        _check_bell(before, after, size, rung, known_ms)
        return stored

    def effects(self) -> list[str]:
        """Take out what handlers' effects wrote."""
        return self.keys.pop("store:l:log", [])

    def _check_nothing_outlives_its_record(self) -> None:
        ids = {name.removeprefix("msg:") for name in self.keys if name.startswith("msg:")}
        for of in ("body", "on_dead", "error"):
            kept = set(self.keys.pop(f"of:{of}"))
            expect(kept <= ids, f"I6: {of} is kept of {sorted(kept - ids)}, which have no record")
            expect(of != "body" or kept == ids, f"I6: {sorted(ids - kept)} have no body")

    def _check_counts(self, world: World) -> None:
        """I3: accepted = waiting + running + done + dead + cancelled."""
        counts = {name: int(value) for name, value in self.pop_hash("counts").items()}
        states = [message.state for message in world.messages.values()]
        for name, number in {
            "accepted": len(states) - states.count("absent") + states.count("dead"),
            "done": states.count("done"),
            "died": states.count("dead"),
            "cancelled": states.count("cancelled"),
        }.items():
            expect(counts.get(name, 0) == number, f"I3: {name} is {counts.get(name, 0)}, and {number} are")
        issued = counts["token"] - TOKENS
        expect(issued == self._is_claimed, f"{issued} tokens were given for {int(self._is_claimed)} start")

    def _check_apologies(self, before: World, after: World) -> None:
        """Whoever buries a message enqueues what was prepared for that, and nobody else does."""
        died = sorted(name for name, m in after.messages.items() if m.state == "dead" != before.messages[name].state)
        found = sorted(name.removeprefix("sorry") for name in self.keys.pop("box:out", []))
        expect(found == died, f"{died} were given up, and apologies are there for {found}")
        self.pop_all("msg:sorry")
        self.pop_all("ready:out:")
        self.keys.pop("bell:out", None)

    def _check_policy(self, world: World, size: Size) -> None:
        engine = self.pop_hash("engine")
        grace_ms = max(0, int(engine.get("grace", 0)) - NOW)
        expect(grace_ms == world.grace_ms, f"leases may expire in {grace_ms} ms, not in {world.grace_ms}")
        silence_ms = min(NOW - int(engine["last"]), STEP_MS + 1)
        expect(silence_ms == world.silence_ms, f"the last sign was {silence_ms} ms ago, not {world.silence_ms}")
        paused = set(self.keys.pop("paused", [])) | ({"*"} if "paused" in engine else set())
        expect(paused == world.paused, f"{paused} are paused, not {set(world.paused)}")
        for name in size.mailboxes:
            rate = self.pop_hash(f"rate:{name}")
            level = 0.0
            if rate:
                level = max(0.0, float(rate["level"]) - (NOW - int(rate["at"])) * size.rate / 1000)
            expect(abs(level - world.level.get(name, 0)) < 1e-5, f"I8: {name} has {level}, not {world.level.get(name)}")

    def _records(self) -> dict[str, dict[str, str]]:
        records = {}
        for name, flat in self.pop_all("msg:").items():
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            expect(fields["box"] == name[0], f"the record of {name} says that it is in {fields['box']}")
            expect("on_dead" in fields, f"the record of {name} has lost what was prepared for its burial")
            self._prepared.setdefault(name, fields["on_dead"])
            kept = {known: fields[known] for known in _DECIDING if known in fields}
            if (due_ms := int(fields.get("due", 0)) - NOW) > 0:
                kept["due"] = str(due_ms)
            records[name] = kept
        return records

    def _trash(self) -> tuple[tuple[str, ...], ...]:
        names = self.keys.pop("trash", [])
        return tuple(tuple(self.keys.pop(name.removeprefix("{m}:"))) for name in names)

    def _replies(self, world: World) -> dict[str, dict[str, str]]:
        """Keep of a claimer's last call what a repeat of it may ask for."""
        replies = {}
        for claimer, hand in world.hands.items():
            kept = self.pop_hash(f"proc:{claimer}")
            if hand.unheard:
                replies[claimer] = {name: kept[name] for name in _REMEMBERED[hand.unheard] if name in kept}
        return {claimer: fields for claimer, fields in replies.items() if fields}


#: The fields by which transitions decide, besides `due`. (`attempts` follows from them and is checked.)
_DECIDING = ("state", "token", "attempts", "retries", "stalls", "started", "charged", "cancel", "strict", "max_stalls")
_REMEMBERED: dict[str, tuple[str, ...]] = {"claim": ("claim", "claimed"), "settle": ("settle", "settled")}
_REMEMBERED["exchange"] = _REMEMBERED["claim"] + _REMEMBERED["settle"]


def _check_records(stored: Stored, world: World, size: Size) -> None:
    """I6: every record has a place, every place a record, and both say what the world says."""
    for mailbox in size.mailboxes:
        held = [name for name in size.ids(mailbox) if world.messages[name].state in ("waiting", "running")]
        expect(stored.boxes.get(mailbox, []) == held, f"{mailbox} holds {stored.boxes.get(mailbox, [])}, not {held}")
    put_away = {name for ids in stored.trash for name in ids}
    for name, message in world.messages.items():
        fields = stored.records.get(name)
        if message.state not in ("waiting", "running"):
            expect(fields is None or name in put_away, f"I6: {name} is {message.state} and its record is still there")
            expect(name not in stored.leases, f"{name} is {message.state} and has a lease")
            continue
        expect(fields is not None, f"I6: {name} is {message.state} and has no record")
        assert fields is not None
        state = "running" if message.state == "running" else "backoff" if message.started else "waiting"
        expect(fields["state"] == state, f"{name} is kept as {fields['state']}, not as {state}")
        expect(("token" in fields) == (state == "running"), f"{name} is {state} and its token is {fields.get('token')}")
        expect(int(fields.get("retries", 0)) == message.retries, f"I7: {name} has {fields.get('retries')} retries")
        expect(int(fields.get("stalls", 0)) == message.stalls, f"I7: {name} has {fields.get('stalls')} stalls")
        attempts = message.retries + message.stalls + (state == "running")
        expect(int(fields.get("attempts", 0)) == attempts, f"I7: {name} has {fields.get('attempts')} attempts")
        expect(("cancel" in fields) == message.flagged, f"{name} is flagged: {'cancel' in fields}")
        expect(("charged" in fields) == message.charged, f"I8: {name} is charged: {'charged' in fields}")
        lease_ms = message.left_ms if state == "running" else None
        expect(stored.leases.get(name) == lease_ms, f"{name} has a lease of {stored.leases.get(name)}, not {lease_ms}")
        if state != "running":
            expect(int(fields.get("due", 0)) == message.due_ms, f"{name} is due in {fields.get('due')} ms")


def _check_places(stored: Stored, world: World, size: Size) -> None:
    """I1: a mailbox is where its window says (it may also still be where it was). I5: nowhere twice."""
    for mailbox in size.mailboxes:
        if mailbox in world.paused:
            continue
        dues = start_ms(world, size, mailbox)
        soonest = min(dues.values(), default=NOT_STARTABLE)
        first = next((name for name, due_ms in dues.items() if due_ms == soonest), "")
        ring = [name for name, _ in stored.rings.get(size.queue_of(first), ())] if first else []
        expect(len(ring) == len(set(ring)), f"I5: the ring is {ring}")
        if soonest == 0:
            is_there = mailbox in ring or stored.timed.get(mailbox) == 0
            expect(is_there, f"I1: {mailbox} has {window(world, size, mailbox)} to start and is in no ring")
        elif soonest != NOT_STARTABLE:
            is_there = mailbox in ring or stored.timed.get(mailbox, NOT_STARTABLE) <= soonest
            expect(is_there, f"I1: {mailbox} may start in {soonest} ms; timed is {stored.timed}, the ring {ring}")


def _check_bell(before: World, after: World, size: Size, rung: set[str], known_ms: int) -> None:
    """Whoever makes something startable, now or sooner, tells those who are idle."""
    if before.paused != after.paused:
        return
    needed = {size.queue_of(name) for name in startable(after, size) - startable(before, size)}
    expect(needed <= rung, f"something of {sorted(needed)} may start now, and the bell rang for {sorted(rung)}")
    if _running(after) > _running(before):
        claimed = {size.queue_of(name) for name in _held(after) - _held(before)}
        left = claimed & {size.queue_of(name) for name in startable(after, size)}
        expect(left <= rung, f"a claim left work of {sorted(left)}, and the bell rang for {sorted(rung)}")
    else:
        soonest = soonest_ms(after, size, size.queues)
        is_sooner = soonest < min(known_ms, soonest_ms(before, size, size.queues))
        expect(rung or not is_sooner, f"something may start in {soonest} ms, and no bell rang")


def _held(world: World) -> set[str]:
    return {hand.message for hand in world.hands.values() if hand.message}


def _running(world: World) -> int:
    return sum(bool(hand.message) for hand in world.hands.values())


def _left(score: float) -> int:
    return max(0, int(score) - NOW)


def _flat(fields: Mapping[str, object]) -> list[str]:
    return [str(word) for pair in fields.items() for word in pair]


def _scored(name: str, scores: dict[str, int]) -> list[list[str]]:
    flat = [word for member, score in scores.items() for word in (str(score), member)]
    return [["ZADD", name, *flat]] if flat else []

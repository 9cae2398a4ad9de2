"""The mailboxes of one namespace as a test drives them: every transition by hand, on a real server, with a clock that
the test moves.

No worker and no thread takes part: a claimer is only a name, and what it holds are tokens that the test settles. The
transitions run with the rights that Okos has; `admin` may do everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from okos.mailbox.publication import Publication
from okos.mailbox.stats import Stats, read_stats
from okos.mailbox.store import Store, connect
from okos.mailbox.wire import read_claimed
from okos.server import as_admin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from okos.mailbox.delivery import Claimed
    from okos.mailbox.effect import Effect

LEASE_MS = 15_000
START_MS = 1_000_000_000
DAY_MS = 86_400_000

#: What may stay when nothing waits, nothing runs and no history is kept: named counters and the policy in force.
LASTING = frozenset({"engine", "counts", "procs", "test-clock"})

#: What a claimer says of itself.
_DESCRIPTION = '{"pid":1,"host":"here","threads":8,"queues":["q"],"in_hand":0}'

#: Lua that reads the clock which the test moves.
CLOCK_OF_TESTS = "local function raw_ms() return tonumber(redis.call('GET', P .. 'test-clock')) end"

_DUMP = """
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local kind = redis.call('TYPE', key).ok
  local value
  if kind == 'string' then value = redis.call('GET', key)
  elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  else value = redis.call('SMEMBERS', key) end
  local name = string.sub(key, #KEYS[1] + 1)
  if name == 'msg' then
    for i = 1, #value, 2 do
      local record = {}
      for field, said in pairs(cmsgpack.unpack(value[i + 1])) do
        record[#record + 1] = field
        record[#record + 1] = tostring(said)
      end
      found[#found + 1] = { 'msg:' .. value[i], 'hash', record, -1 }
    end
  else
    found[#found + 1] = { name, kind, value, redis.call('PTTL', key) }
  end
end
return found
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim returned."""

    due_ms: int
    is_work_left: bool
    started: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class End:
    """How one attempt ends, as the settle transition reads it."""

    id: str
    token: str
    op: str = "ack"
    delay_ms: int = 0
    cost: float | str = ""
    error: str = ""
    trace: str = ""
    effects: Sequence[Effect] = ()

    def argv(self) -> list[Any]:  # Any: what redis-py takes
        """Return it in the order in which settle.lua reads it."""
        argv: list[Any] = [self.id, self.token, self.op, self.delay_ms, self.cost, self.error, self.trace]
        argv.append(len(self.effects))
        for effect in self.effects:
            argv += effect.argv()
        return argv


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key of the namespace, by its name without the prefix. A record is shown as a hash of its own."""

    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)

    @property
    def counts(self) -> dict[str, int]:
        """The counters."""
        return {name: int(value) for name, value in self.hashes.get("counts", {}).items()}


class Mailboxes:
    """See the module.

    Args:
        url: The server.
        namespace: Whose keys; nobody else's.
        jobs: The window of a mailbox.
        rate: Cost units per second and mailbox; 0 for no limit.
    """

    def __init__(self, url: str, namespace: str, *, jobs: int = 1, rate: float = 0, burst: int = 1) -> None:
        self.store = Store(url, namespace, time_piece=CLOCK_OF_TESTS)
        self.admin = connect(as_admin(url))
        self.now_ms = START_MS
        self.keep_done = 0
        self.keep_dead = 1000
        self.max_stalls = 1
        self.is_more = 0
        self._sequence = 0
        self._dump = self.admin.register_script(_DUMP)
        self._queues = {"q"}
        self._set_clock()
        self.limit(jobs=jobs, rate=rate, burst=burst)

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, ms: int) -> None:
        """Move the server's clock, in one jump."""
        self.now_ms += ms
        self._set_clock()

    def live_through(self, ms: int, *, step_ms: int = LEASE_MS // 6) -> None:
        """Move the clock in steps, somebody looking at each: no outage."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.advance(min(step_ms, end - self.now_ms))
            self.store.call("stats")

    def _set_clock(self) -> None:
        self.store.client.set(self.store.key("test-clock"), self.now_ms)

    # -- transitions -------------------------------------------------------------------------------------------------

    def limit(self, *, jobs: int = 1, rate: float = 0, burst: int = 1) -> None:
        """Write the policy in force."""
        self.store.call("limit", "", jobs, rate, burst, "", "")

    def publish(self, message_id: str, mailbox: str = "a", *, queue: str = "q", band: int = 1, **rest: Any) -> str:
        """Put a message in; returns 'new', 'seen' or 'full'. The rest are fields of Publication."""
        return self.store.publish(self.publication(message_id, mailbox, queue=queue, band=band, **rest))[0]

    def publication(
        self, message_id: str, mailbox: str = "a", *, queue: str = "q", band: int = 1, **rest: Any
    ) -> Publication:
        """Make a publication with a body that names it."""
        self._queues.add(queue)
        fields = {"body": f"body of {message_id}".encode(), "cost": 1, **rest}
        return Publication(id=message_id, mailbox=mailbox, queue=queue, band=band, **fields)

    def claim_all(
        self,
        claimer: str = "worker",
        n: int = 64,
        *,
        queues: Iterable[str] = ("q",),
        sequence: int | None = None,
        may_suspect: bool = True,
        most_bytes: int = 256 * 1024,
    ) -> Claim:
        """Start up to n messages."""
        names = list(queues)
        due, left, items = self.store.call(
            "claim",
            claimer,
            self.next_sequence() if sequence is None else sequence,
            n,
            most_bytes,
            LEASE_MS,
            "nonce",
            int(may_suspect),
            self.max_stalls,
            len(names),
            *names,
        )
        started = tuple(map(read_claimed, items))
        return Claim(due_ms=due, is_work_left=bool(left), started=started)

    def claim(self, claimer: str = "worker", **how: Any) -> Claimed:
        """Start the one message that can start next."""
        (started,) = self.claim_all(claimer, 1, **how).started
        return started

    def ids(self, claimer: str = "worker", n: int = 64, **how: Any) -> list[str]:
        """Start up to n messages and name them."""
        return [started.id for started in self.claim_all(claimer, n, **how).started]

    def settle_all(self, *ends: End, claimer: str = "worker", sequence: int | None = None) -> list[str]:
        """End attempts in one call; returns 'ok' or 'lost' for each."""
        argv: list[Any] = [
            claimer,
            self.next_sequence() if sequence is None else sequence,
            self.keep_done,
            self.keep_dead,
            len(ends),
        ]
        for end in ends:
            argv += end.argv()
        return [reply.decode() for reply in self.store.call("settle", *argv)]

    def settle(self, started: Claimed, op: str = "ack", *, claimer: str = "worker", **rest: Any) -> str:
        """End one attempt; returns 'ok' or 'lost'."""
        return self.settle_all(End(started.id, started.token, op, **rest), claimer=claimer)[0]

    def renew(self, *held: Claimed, claimer: str = "worker") -> list[str]:
        """Give a sign of life; returns the ids that are no longer the claimer's."""
        argv: list[Any] = [claimer, LEASE_MS, _DESCRIPTION, len(held)]
        for started in held:
            argv += [started.id, started.token]
        return [message_id.decode() for message_id in self.store.call("renew", *argv)[1]]

    def sweep(self, *, done_age_ms: int = DAY_MS, dead_age_ms: int = DAY_MS) -> list[tuple[str, str]]:
        """Sweep, whoever else does; returns (id, 'stalled' | 'dead' | 'cancelled' | 'expired') of what it found."""
        _, stalled, expired, self.is_more = self.store.call(
            "sweep", "sweeper", 0, self.max_stalls, self.keep_dead, done_age_ms, dead_age_ms, LEASE_MS
        )
        found = [(stalled[i].decode(), stalled[i + 3].decode()) for i in range(0, len(stalled), 4)]
        return found + [(expired[i].decode(), "expired") for i in range(0, len(expired), 2)]

    def take_back(self, process: str, holder: str = "successor") -> list[tuple[str, str]] | None:
        """Take back what a process holds, as the holder of the lease 'role'; None if the lease is another's."""
        found: list[tuple[str, str]] = []
        position = 0
        while position >= 0:
            reply = self.store.call("take_back", process, "role", holder, self.max_stalls, self.keep_dead, position)
            if reply == 0:
                return None
            position, stalled = reply
            found += [(stalled[i].decode(), stalled[i + 3].decode()) for i in range(0, len(stalled), 4)]
        return found

    def prune(self, *, done_age_ms: int = 0, dead_age_ms: int = 0, most: int = 1000) -> tuple[int, int]:
        """Delete history that is older; returns how many completed messages and how many dead letters went."""
        done, dead = self.store.call("prune", done_age_ms, dead_age_ms, most)
        return done, dead

    def stats(self) -> Stats:
        """Count what is held."""
        return read_stats(self.store.call("stats"))[0]

    def next_sequence(self) -> int:
        """Name a call that has not been made before."""
        self._sequence += 1
        return self._sequence

    # -- what is really there ----------------------------------------------------------------------------------------

    def keys(self) -> Keys:
        """Read every key of the namespace in one step."""
        keys = Keys()
        pattern = self.store.prefix + "*"
        for raw_name, kind, raw, ttl_ms in self._dump(keys=[self.store.prefix], args=[pattern]):
            name = raw_name.decode("utf-8", "replace")
            if ttl_ms < 0:
                keys.lasting.add(name)
            if kind == b"string":
                keys.texts[name] = raw.decode("utf-8", "replace")
                continue
            value = [each.decode("utf-8", "replace") for each in raw]
            match kind:
                case b"list":
                    keys.lists[name] = value
                case b"hash":
                    keys.hashes[name] = dict(zip(value[::2], value[1::2], strict=True))
                case b"zset":
                    keys.scores[name] = {value[i]: float(value[i + 1]) for i in range(0, len(value), 2)}
                case _:
                    keys.sets[name] = set(value)
        return keys

    def record(self, message_id: str) -> dict[str, str]:
        """Read a message's record; empty if there is none."""
        return self.keys().hashes.get(f"msg:{message_id}", {})

    def error(self, message_id: str) -> tuple[str, str]:
        """Read the error and the traceback of a dead letter."""
        found = {item[0].decode(): item for item in self.store.call("failed", "+inf", "-inf", 0, 1000)}
        return found[message_id][4].decode(), found[message_id][5].decode()

    def drain(self) -> None:
        """Run all that is held to its end, as workers would."""
        self.limit(jobs=1)
        self.advance(30 * DAY_MS)
        for _ in range(200):
            self.live_through(LEASE_MS)
            self.sweep()
            claimed = self.claim_all("drain", queues=sorted(self._queues)).started
            if claimed:
                self.settle_all(*(End(one.id, one.token) for one in claimed), claimer="drain")
            stats = self.stats()
            if not claimed and stats.waiting == 0 and stats.running == 0:
                break
        else:
            raise AssertionError(f"it does not drain: {self.stats()}")
        while self.prune() != (0, 0):
            pass

    def assert_nothing_is_left(self) -> None:
        """Fail unless all that remains is a counter by name or ends by itself."""
        left = self.keys().lasting - LASTING
        assert not left, f"after a drain there is still {sorted(left)}"

    def close(self) -> None:
        """Delete what is there and close the connections."""
        self.store.delete_all()
        self.store.close()
        self.admin.close()

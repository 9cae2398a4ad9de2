"""What an operator sees of the engine, from any process: how it stands, what it measured, and each message.

Nothing here changes anything, and nothing needs a worker to be alive. Each method says what it costs the server where
that is more than a few small reads.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, cast

from okos.mailbox.effect import derived_id
from okos.mailbox.history import WINDOWS, read_history
from okos.mailbox.look import DeadLetter, MailboxSeen, read_dead, read_mailbox
from okos.mailbox.measures import read_measures
from okos.mailbox.measuring import cpu_ms_of, server_facts
from okos.mailbox.reading import kept, shown
from okos.mailbox.seen import (
    AuditEntry,
    AuditLog,
    Backlog,
    DeadGroup,
    DelayedSeen,
    Gauges,
    LimitsSeen,
    RunningSeen,
    ServerSeen,
    UserSeen,
    group,
    masked,
    read_audit,
    read_delayed,
    read_limits,
    read_running,
    read_server,
)
from okos.mailbox.stats import Stats, WorkerSeen, read_stats
from okos.mailbox.store import translated
from okos.mailbox.timeline import MessageDetail, read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Unpack

    from okos.mailbox.history import Point, Window
    from okos.mailbox.look import Which
    from okos.mailbox.measures import Measures
    from okos.mailbox.store import Store

PAGE = 50
#: Of what a message sent, so many of each kind are looked for.
SENT = 8
#: Keys looked at in one step of a scan.
STEP = 1000


class Observing:
    """The looking half of `Operations`.

    Every method raises StoreUnavailable when the server does not answer.
    """

    store: Store
    _lease_ms: int

    # -- how it stands -----------------------------------------------------------------------------------------------

    def stats(self) -> Stats:
        """Count what the engine holds."""
        return read_stats(self.store.call("stats"))[0]

    def workers(self) -> list[WorkerSeen]:
        """Return the worker processes that gave a sign of life within two heartbeats."""
        return self._alive(read_stats(self.store.call("stats"))[1])

    def schema(self) -> str:
        """Tell the number of the form of what is stored; empty where there is none."""
        return (self.store.stored_schema() or b"").decode("ascii", "replace")

    def gauges(self, *queues: str) -> Gauges:
        """Tell how it stands. It costs up to 16 small reads for each queue and band.

        Args:
            *queues: Whose oldest message counts, too, though no worker serves them: an outbox.
        """
        stats, gauges = self.store.exchange([("stats", ()), ("gauges", queues)])
        for reply in (stats, gauges):
            if isinstance(reply, Exception):
                raise reply
        counted, workers = read_stats(stats)
        oldest_ms, all_paused, paused, sweeper = gauges
        return Gauges(
            stats=counted,
            workers=tuple(self._alive(workers)),
            oldest_wait_ms=None if oldest_ms < 0 else oldest_ms,
            paused=bool(all_paused),
            paused_mailboxes=paused,
            sweeper=sweeper.decode() or None,
        )

    def measures(self) -> Measures:
        """Tell what all processes have measured so far, but for their last heartbeat."""
        with translated():
            found = cast("dict[bytes, bytes]", self.store.client.hgetall(self.store.key("measures")))
        return read_measures((field.decode(), int(value)) for field, value in found.items())

    def history(self, window: Window) -> list[Point]:
        """Tell how it went: an hour by the minute, a day by ten minutes, a week by the hour."""
        key = self.store.key(f"history:{WINDOWS[window][0]}")
        with translated():
            slots = cast("list[bytes]", self.store.client.hvals(key))
            now_s, _ = self.store.client.time()
        return read_history(slots, window=window, now_ms=now_s * 1000)

    def server(self) -> ServerSeen | None:
        """Ask the server about itself; None when it does not let this user know."""
        facts = server_facts(self.store.client)
        return None if facts is None else read_server(facts, cpu_ms=cpu_ms_of(facts))

    def limits(self, *, most: int = 1000) -> LimitsSeen:
        """Tell the limits in force, everybody's and single mailboxes' own, and what is paused."""
        return read_limits(self.store.call("limits", most))

    def audit(self, *, limit: int = 100, only: AuditLog | None = None) -> list[AuditEntry]:
        """Return what operators changed, and who visited the dashboard, newest first.

        Args:
            limit: So many entries; the last thousand changes are kept, and the last thousand visits.
            only: One of both.
        """
        pipeline = self.store.client.pipeline(transaction=False)
        for key, log in (("audit", AuditLog.CHANGES), ("visits", AuditLog.VISITS)):
            if only in {None, log}:
                pipeline.lrange(self.store.key(key), -limit, -1)
        with translated():
            logs = cast("list[list[bytes]]", pipeline.execute())
        newest_first = ([read_audit(line) for line in reversed(lines)] for lines in logs)
        return list(islice(merge(*newest_first, key=lambda entry: -entry.at_ms), limit))

    # -- mailboxes ---------------------------------------------------------------------------------------------------

    def mailbox(self, key: str, *, offset: int = 0, limit: int = PAGE) -> MailboxSeen:
        """Look at a mailbox: its place, its limits, and a page of what is in it, oldest first."""
        return read_mailbox(key, self.store.call("mailbox", key, offset, offset + limit - 1))

    def backlog(self, *, limit: int = PAGE, contains: str = "", most: int = 50_000) -> Backlog:
        """Return the mailboxes that hold most.

        It walks through the keys of the server's database, whosever they are, a thousand in each step: 50,000 took a
        server a tenth of a second, in steps of a few milliseconds. Do not ask more often than every few seconds.

        Args:
            limit: So many mailboxes.
            contains: Only those with this in their names.
            most: Walk through so many keys; if there are more, the answer says so.
        """
        lengths: dict[bytes, int] = {}
        is_all = True
        for keys in self._boxes(most):
            if keys is None:
                is_all = False
                break
            pipeline = self.store.client.pipeline(transaction=False)
            for key in keys:
                pipeline.llen(key)
            with translated():
                lengths.update(zip(keys, pipeline.execute(), strict=True))
        prefix = len(self.store.key("box:").encode())
        named = [(key[prefix:].decode("utf-8", "replace"), length) for key, length in lengths.items() if length]
        found = sorted((one for one in named if contains in one[0]), key=lambda one: (-one[1], one[0]))
        return Backlog(users=tuple(self._users(found[:limit])), mailboxes=len(found), cut_off=not is_all)

    def _boxes(self, most: int) -> Iterator[list[bytes] | None]:
        """Give the lists of mailboxes, step by step; None at last if there are more."""
        pattern = self.store.key("box:").translate({ord(c): f"\\{c}" for c in "*?[]^\\"}) + "*"
        cursor = looked_at = 0
        while True:
            with translated():
                cursor, keys = self.store.client.scan(cursor=cursor, match=pattern, count=STEP)
            yield cast("list[bytes]", keys)
            looked_at += STEP
            if cursor == 0:
                return
            if looked_at >= most:
                yield None
                return

    def _users(self, found: Sequence[tuple[str, int]]) -> Iterator[UserSeen]:
        if not found:
            return
        replies = self.store.exchange([("mailbox", (key, 0, 0)) for key, _ in found])
        for (key, _), reply in zip(found, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            seen = read_mailbox(key, reply)
            if seen.length:
                first = seen.messages[0] if seen.messages else None
                yield UserSeen(
                    mailbox=key,
                    length=seen.length,
                    place=seen.place,
                    paused=seen.paused,
                    due_in_ms=seen.due_in_ms,
                    age_ms=0 if first is None else first.age_ms,
                    first_state="waiting" if first is None else first.state,
                    first_due_in_ms=0 if first is None else first.due_in_ms,
                )

    # -- messages ----------------------------------------------------------------------------------------------------

    def message(self, message_id: str) -> MessageDetail | None:
        """Look at one message and at what has become of it; None if nothing is known of it (any more).

        Of one that was merged into another when its mailbox was full, this tells of that other one, with its id.
        """
        return read_message(self.store.call("message", message_id))

    def sent_by(self, message_id: str, *, epoch: int = 0) -> list[MessageDetail]:
        """Look at what a message sent with its end: replies, and what goes on after it, as far as anything is known.

        Args:
            message_id: Of a message that has ended.
            epoch: How often it was requeued (`MessageDetail.requeued`); of earlier lives the last three tell.
        """
        ids = [derived_id(message_id, life, "on_dead", 1) for life in range(max(0, epoch - 3), epoch + 1)]
        for purpose in ("effect", "policy"):
            ids += [derived_id(message_id, epoch, purpose, number) for number in range(1, SENT + 1)]
        replies = self.store.exchange([("message", (one,)) for one in ids])
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        found = map(read_message, replies)
        return [detail for detail in found if detail is not None]

    def running(self, *, limit: int = 100) -> list[RunningSeen]:
        """Return what runs, beginning with the lease that ends soonest."""
        return read_running(self.store.call("running", limit))

    def delayed(self, *, limit: int = 100) -> list[DelayedSeen]:
        """Return what is outside its mailbox until an instant, the soonest first."""
        return read_delayed(self.store.call("delayed", limit))

    def failed(self, *, offset: int = 0, limit: int = PAGE, **which: Unpack[Which]) -> list[DeadLetter]:
        """Return what `which` means of the dead letters, newest first: at most `limit`, without the first `offset`."""
        return list(islice(self._dead_letters(which), offset, offset + limit))

    def done(self, fits: Callable[[str], bool]) -> list[str]:
        """Return the ids of the completed messages that are kept and whose mailbox fits, newest first."""
        found: list[str] = []
        position = 0
        while page := self.store.call("completed", position, STEP):
            position += len(page)
            found += [kept(message_id) for message_id, mailbox in page if fits(shown(mailbox))]
        return found

    def failed_groups(self, **which: Unpack[Which]) -> list[DeadGroup]:
        """Put dead letters together that failed alike, the most frequent first. It reads all that are kept."""
        return group(self._dead_letters(which))

    def _dead_letters(self, which: Which) -> Iterator[DeadLetter]:
        since_ms, until_ms, position = which.get("since_ms"), which.get("until_ms"), 0
        while page := self.store.dead_letters(since_ms=since_ms, until_ms=until_ms, offset=position, count=PAGE):
            position += len(page)
            yield from (letter for letter in map(read_dead, page) if _fits(letter, which))

    def _alive(self, workers: Iterable[WorkerSeen]) -> list[WorkerSeen]:
        fresh_ms = 2 * self._lease_ms // 3 + 1000
        return [worker for worker in workers if worker.seen_ms_ago <= fresh_ms]


def _fits(letter: DeadLetter, which: Which) -> bool:
    mailbox, error, alike, actor = which.get("mailbox"), which.get("error"), which.get("alike"), which.get("actor")
    if mailbox is not None and letter.mailbox != mailbox:
        return False
    if alike is not None and masked(letter.error) != alike:
        return False
    if error is not None and error.casefold() not in letter.error.casefold():
        return False
    return actor is None or (letter.message is not None and letter.message.actor_name == actor)

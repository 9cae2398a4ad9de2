"""What an operator sees of the engine, from any process: how it stands, what it measured, and each message.

Nothing here changes anything, and nothing needs a worker to be alive. Each method says what it costs the server where
that is more than a few small reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from okos.mailbox.history import WINDOWS, read_history
from okos.mailbox.look import DeadLetter, MailboxSeen, read_dead, read_mailbox
from okos.mailbox.measures import read_measures
from okos.mailbox.measuring import cpu_ms_of, server_facts
from okos.mailbox.seen import (
    AuditEntry,
    Backlog,
    DeadGroup,
    DelayedSeen,
    Gauges,
    LimitsSeen,
    RunningSeen,
    ServerSeen,
    UserSeen,
    group,
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
    from collections.abc import Iterable, Iterator, Sequence

    from okos.mailbox.history import Point, Window
    from okos.mailbox.measures import Measures
    from okos.mailbox.store import Store

PAGE = 50
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

    def audit(self, *, limit: int = 100) -> list[AuditEntry]:
        """Return what operators changed, newest first; the last thousand changes are kept."""
        with translated():
            lines = self.store.client.lrange(self.store.key("audit"), -limit, -1)
        return [read_audit(line) for line in reversed(cast("list[bytes]", lines))]

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
                yield UserSeen(
                    mailbox=key,
                    length=seen.length,
                    place=seen.place,
                    paused=seen.paused,
                    due_in_ms=seen.due_in_ms,
                    age_ms=seen.messages[0].age_ms if seen.messages else 0,
                )

    # -- messages ----------------------------------------------------------------------------------------------------

    def message(self, message_id: str) -> MessageDetail | None:
        """Look at one message and at what has become of it; None if nothing is known of it (any more)."""
        return read_message(message_id, self.store.call("message", message_id))

    def running(self, *, limit: int = 100) -> list[RunningSeen]:
        """Return what runs, beginning with the lease that ends soonest."""
        return read_running(self.store.call("running", limit))

    def delayed(self, *, limit: int = 100) -> list[DelayedSeen]:
        """Return what is outside its mailbox until an instant, the soonest first."""
        return read_delayed(self.store.call("delayed", limit))

    def failed(
        self,
        *,
        mailbox: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        error: str | None = None,
        actor: str | None = None,
        offset: int = 0,
        limit: int = PAGE,
    ) -> list[DeadLetter]:
        """Return dead letters, the newest first.

        Args:
            mailbox: Only of this mailbox.
            since_ms: Only given up at or after this instant (Unix time, ms).
            until_ms: Only given up before this instant.
            error: Only with this in their error, in capitals or not.
            actor: Only of this actor.
            offset: Skip so many.
            limit: At most so many.
        """
        found: list[DeadLetter] = []
        skip = offset
        for letter in self._dead_letters(since_ms=since_ms, until_ms=until_ms):
            if len(found) >= limit:
                break
            if not _fits(letter, mailbox=mailbox, error=error, actor=actor):
                continue
            if skip:
                skip -= 1
            else:
                found.append(letter)
        return found

    def failed_groups(
        self,
        *,
        mailbox: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        error: str | None = None,
        actor: str | None = None,
    ) -> list[DeadGroup]:
        """Put dead letters together that failed alike, the most frequent first. It reads all that are kept."""
        letters = self._dead_letters(since_ms=since_ms, until_ms=until_ms)
        return group(one for one in letters if _fits(one, mailbox=mailbox, error=error, actor=actor))

    def _dead_letters(self, *, since_ms: int | None, until_ms: int | None) -> Iterable[DeadLetter]:
        position = 0
        while page := self.store.dead_letters(since_ms=since_ms, until_ms=until_ms, offset=position, count=PAGE):
            position += len(page)
            yield from map(read_dead, page)

    def _alive(self, workers: Iterable[WorkerSeen]) -> list[WorkerSeen]:
        fresh_ms = 2 * self._lease_ms // 3 + 1000
        return [worker for worker in workers if worker.seen_ms_ago <= fresh_ms]


def _fits(letter: DeadLetter, *, mailbox: str | None, error: str | None, actor: str | None) -> bool:
    if mailbox is not None and letter.mailbox != mailbox:
        return False
    if error is not None and error.casefold() not in letter.error.casefold():
        return False
    return actor is None or (letter.message is not None and letter.message.actor_name == actor)

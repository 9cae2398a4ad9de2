"""The engine's fences, each as the text that removes it, and what must be found then."""

from __future__ import annotations

from dataclasses import dataclass

from world import Size

_SMALL = Size(mailboxes="A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One transition without one of its fences.

    Attributes:
        fence: What the source says.
        without: What it says instead.
        found: Part of what the search must say.
        size: A world that needs the fence.
    """

    transition: str
    fence: str
    without: str
    found: str
    size: Size = _SMALL


MUTANTS = {
    "settle does not compare the token": Mutant(
        transition="settle",
        fence="if not record or record.token ~= token then\n      replies",
        without="if not record then\n      replies",
        found="not its own any longer, and was told ok",
    ),
    "claim does not look again": Mutant(
        transition="claim",
        fence="local what, id, record = look(box, own, now)",
        without="""local what, id, record = look(box, own, now)
          if what ~= 'ready' then
            what, id = 'ready', redis.call('LINDEX', P .. 'box:' .. box, 0)
            record = record_of(id)
          end""",
        found="was started; what may start is",
        size=Size(mailboxes="A", is_pausing=True),
    ),
    "the window ignores its size": Mutant(
        transition="claim",
        fence="redis.call('LRANGE', list, 0, limit.jobs - 1)",
        without="redis.call('LRANGE', list, 0, -1)",
        found="was started; what may start is",
        size=Size(mailboxes="A", messages=3, jobs=2, claimers="XYZ"),
    ),
    "a strict one starts beside another": Mutant(
        transition="claim",
        fence="if record.strict and place > 1 then",
        without="if false then",
        found="was started; what may start is",
        size=Size(mailboxes="A", jobs=2, strict="2"),
    ),
    "another starts beside a strict one": Mutant(
        transition="claim",
        fence="    if record.strict then\n      break",
        without="    if false then\n      break",
        found="was started; what may start is",
        size=Size(mailboxes="A", jobs=2, strict="1"),
    ),
    "a message's own patience is not heeded": Mutant(
        transition="sweep",
        fence="record.max_stalls or max_stalls",
        without="max_stalls",
        found="has stalled 2 times, and sweep says dead",
        size=Size(mailboxes="A", patient="1"),
    ),
    "claim takes what runs for startable": Mutant(
        transition="claim",
        fence="if state ~= 'running' then",
        without="if true then",
        found="was started; what may start is",
        size=Size(mailboxes="A", jobs=2),
    ),
    "claim does not charge": Mutant(
        transition="claim",
        fence="charge(box, cost, own, now)",
        without="",
        found="I8",
        size=Size(mailboxes="A", rate=0.1),
    ),
    "a repeated claim starts something else": Mutant(
        transition="claim",
        fence="if last then",
        without="if false then",
        found="X asked again and got",
        size=Size(is_hard_of_hearing=True),
    ),
    "a claim forgets what was due": Mutant(
        transition="claim",
        fence="local is_read, error = pcall(reposition, box, limit, now)",
        without="local is_read, error = true",
        found="a claim found nothing",
        size=Size(mailboxes="A", ends=("retry",)),
    ),
    "a repeated settle settles again": Mutant(
        transition="settle",
        fence="if last then",
        without="if false then",
        found="repeated a settle",
        size=Size(mailboxes="A", is_hard_of_hearing=True),
    ),
    "settle ignores a cancel": Mutant(
        transition="settle",
        fence="if record.cancel then",
        without="if false then",
        found="effects are",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "settle does not free the mailbox": Mutant(
        transition="settle",
        fence="reposition(box, limit, now, op == 'release' or op == 'unstarted')\n      replies[a]",
        without="replies[a]",
        found="I1: A",
    ),
    "a retry gives up its place": Mutant(
        transition="settle",
        fence="suspend(id, record, 'backoff', now + delay, true)",
        without="suspend(id, record, 'backoff', now + delay, true) redis.call('LREM', P .. 'box:' .. box, 1, id)"
        " redis.call('RPUSH', P .. 'box:' .. box, id)",
        found="A holds ['A2', 'A1'], not ['A1', 'A2']",
        size=Size(mailboxes="A", ends=("ack", "retry")),
    ),
    "sweep has no grace after an outage": Mutant(
        transition="sweep",
        fence="if now >= limit.grace then",
        without="if true then",
        found="was taken for stalled",
    ),
    "sweep leaves the token": Mutant(
        transition="sweep",
        fence="'backoff', 0, 1, nil",
        without="'backoff', 0, 1, record.token",
        found="its token is",
    ),
    "sweep ignores a cancel": Mutant(
        transition="sweep",
        fence="if record and record.cancel then",
        without="if false then",
        found="was to be cancelled, and sweep says stalled",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "nobody is told of a message that is given up": Mutant(
        transition="sweep",
        fence="if prepared then",
        without="if false then",
        found="apologies are there for []",
    ),
    "renew keeps what is to be cancelled alive": Mutant(
        transition="renew",
        fence="elseif record.cancel then",
        without="elseif false then",
        found="heard cancels of []",
        size=Size(mailboxes="A", is_cancelling=True, is_renewing=True),
    ),
    "renew does not compare the token": Mutant(
        transition="renew",
        fence="if not record or record.token ~= token then",
        without="if not record then",
        found="was lost",
        size=Size(mailboxes="A", is_renewing=True),
    ),
    "publish does not know what has ended": Mutant(
        transition="publish",
        fence="local stands_for = was_seen(p.id, now) and p.id",
        without="local stands_for = record_of(p.id) and p.id",
        found="was published twice",
    ),
    "a cancel leaves the mailbox where it was": Mutant(
        transition="cancel",
        fence="cancel_waiting(id, record, true)\n  reposition(record.box, limit, now)",
        without="cancel_waiting(id, record, true)",
        found="and the bell rang for []",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "resume does not look": Mutant(
        transition="pause",
        fence="\nreposition(box, limit, now)\n",
        without="\n",
        found="I1: A",
        size=Size(mailboxes="A", is_pausing=True),
    ),
    "a body outlives its message": Mutant(
        transition="settle",
        fence="in_chunks(gone, function(...) redis.call('HDEL', P .. 'body', ...) end)",
        without="",
        found="I6: body is kept of",
    ),
    "nobody is told of ready work": Mutant(
        transition="publish",
        fence="redis.call('LPUSH', bell, '1')",
        without="",
        found="the bell rang for []",
    ),
}

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
        fence="if record[1] ~= token then",
        without="if not record[2] then",
        found="not its own any longer, and was told ok",
    ),
    "claim does not look again": Mutant(
        transition="claim",
        fence="local what, id, record = look(box, own, now, true)",
        without="""local what, id, record = look(box, own, now, true)
          if what ~= 'ready' then
            what, id = 'ready', redis.call('LINDEX', P .. 'box:' .. box, 0)
            record = { queue = queue, band = '1', cost = 1, stalls = 0, attempts = 0, retries = 0, at = 0 }
            record.body, record.epoch = '', 0
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
    "claim takes what runs for startable": Mutant(
        transition="claim",
        fence="if state ~= 'running' then",
        without="if true then",
        found="was started; what may start is",
        size=Size(mailboxes="A", jobs=2),
    ),
    "claim does not charge": Mutant(
        transition="claim",
        fence="charge(box, record.cost, own, now)",
        without="",
        found="I8",
        size=Size(mailboxes="A", rate=0.1),
    ),
    "a repeated claim starts something else": Mutant(
        transition="claim",
        fence="if kept[1] == seq then",
        without="if false then",
        found="X asked again and got",
        size=Size(is_hard_of_hearing=True),
    ),
    "a claim forgets what was due": Mutant(
        transition="claim",
        fence="redis.call('ZREM', P .. 'timed', box)\n    reposition(box, limit, now)",
        without="redis.call('ZREM', P .. 'timed', box)",
        found="a claim found nothing",
        size=Size(mailboxes="A", ends=("retry",)),
    ),
    "a repeated settle settles again": Mutant(
        transition="settle",
        fence="if kept[1] == seq then",
        without="if false then",
        found="repeated a settle",
        size=Size(mailboxes="A", is_hard_of_hearing=True),
    ),
    "settle ignores a cancel": Mutant(
        transition="settle",
        fence="if record[6] then",
        without="if false then",
        found="effects are",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "settle does not free the mailbox": Mutant(
        transition="settle",
        fence="reposition(box, limit, now, front)\n    replies[a]",
        without="replies[a]",
        found="I1: A",
    ),
    "a retry gives up its place": Mutant(
        transition="settle",
        fence="suspend(id, box, 'backoff', now + delay, 0)",
        without="suspend(id, box, 'backoff', now + delay, 0) redis.call('LREM', P .. 'box:' .. box, 1, id)"
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
        fence="redis.call('HDEL', key, 'token')\n        note",
        without="note",
        found="its token is",
    ),
    "sweep ignores a cancel": Mutant(
        transition="sweep",
        fence="if box and record[5] then",
        without="if false then",
        found="I3: cancelled is 0",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "nobody is told of a message that is given up": Mutant(
        transition="sweep",
        fence="if prepared and not told then",
        without="if false then",
        found="apologies are there for []",
    ),
    "renew keeps what is to be cancelled alive": Mutant(
        transition="renew",
        fence="if kept[1] == token and not kept[2] then",
        without="if kept[1] == token then",
        found="heard cancels of []",
        size=Size(mailboxes="A", is_cancelling=True, is_renewing=True),
    ),
    "renew does not compare the token": Mutant(
        transition="renew",
        fence="if kept[1] == token and not kept[2] then",
        without="if not kept[2] then",
        found="was lost",
        size=Size(mailboxes="A", is_renewing=True),
    ),
    "publish does not know what has ended": Mutant(
        transition="publish",
        fence="redis.call('EXISTS', P .. 'msg:' .. p.id, P .. 'seen:' .. p.id) > 0",
        without="redis.call('EXISTS', P .. 'msg:' .. p.id) > 0",
        found="was published twice",
    ),
    "a cancel leaves the mailbox where it was": Mutant(
        transition="cancel",
        fence="cancel_waiting(id, box, kept[3])\n  reposition(box, limit, now)",
        without="cancel_waiting(id, box, kept[3])",
        found="and the bell rang for []",
        size=Size(mailboxes="A", is_cancelling=True),
    ),
    "resume does not look": Mutant(
        transition="pause",
        fence="\nreposition(box, limit, now)",
        without="",
        found="I1: A",
        size=Size(mailboxes="A", is_pausing=True),
    ),
    "nobody is told of ready work": Mutant(
        transition="publish",
        fence="redis.call('LPUSH', bell, '1')",
        without="",
        found="the bell rang for []",
    ),
}

"""Policies around a run, one a file: stock Dramatiq middlewares that `MailboxBroker` reads and executes atomically.

Rule: they hold policy and decide; they do no I/O and never import the broker. What they publish is frozen and lives in
`okos.mailbox`.
"""

from okos.middleware.event_loop import EventLoop
from okos.middleware.history import History
from okos.middleware.metrics import Metrics
from okos.middleware.parent import EndWithParent
from okos.middleware.rate import RateLimit
from okos.middleware.retry import Retry
from okos.middleware.shutdown import Shutdown
from okos.middleware.time_limit import TimeLimit
from okos.middleware.user_mutex import UserMutex

__all__ = [
    "EndWithParent",
    "EventLoop",
    "History",
    "Metrics",
    "RateLimit",
    "Retry",
    "Shutdown",
    "TimeLimit",
    "UserMutex",
]

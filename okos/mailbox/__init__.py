"""The mailbox engine: a Dramatiq broker that keeps each user's order and loses nothing. Useful on its own.

Rule: nothing here imports any other part of Okos but `okos.errors`. Only this package imports redis.

    from okos.mailbox import MailboxBroker

    broker = MailboxBroker(url="redis://127.0.0.1:6379")
    dramatiq.set_broker(broker)
    actor.send_with_options(args=("hello",), mailbox="user:7")
"""

from okos.mailbox.broker import MailboxBroker
from okos.mailbox.decision import Ack, Dead, Decision, Defer, Release, Retry
from okos.mailbox.delivery import Delivery, current_run
from okos.mailbox.effect import Run
from okos.mailbox.errors import BadMessage, LeaseLost, MailboxFull, RunOver, StoreTooOld, StoreUnavailable
from okos.mailbox.fitness import Finding, Severity
from okos.mailbox.look import DeadLetter, MailboxSeen, MessageSeen
from okos.mailbox.policy import (
    HistoryPolicy,
    RatePolicy,
    RetryPolicy,
    ShutdownPolicy,
    TimePolicy,
    WindowPolicy,
    backoff_ms,
)
from okos.mailbox.stats import Stats, WorkerSeen

__all__ = [
    "Ack",
    "BadMessage",
    "Dead",
    "DeadLetter",
    "Decision",
    "Defer",
    "Delivery",
    "Finding",
    "HistoryPolicy",
    "LeaseLost",
    "MailboxBroker",
    "MailboxFull",
    "MailboxSeen",
    "MessageSeen",
    "RatePolicy",
    "Release",
    "Retry",
    "RetryPolicy",
    "Run",
    "RunOver",
    "Severity",
    "ShutdownPolicy",
    "Stats",
    "StoreTooOld",
    "StoreUnavailable",
    "TimePolicy",
    "WindowPolicy",
    "WorkerSeen",
    "backoff_ms",
    "current_run",
]

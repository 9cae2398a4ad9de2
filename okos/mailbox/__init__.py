"""The mailbox engine: a Dramatiq broker that keeps each user's order and loses nothing. Useful on its own.

Rule: nothing here imports any other part of Okos but `okos.errors`. Only this package imports redis.

    from okos.mailbox import MailboxBroker

    broker = MailboxBroker(url="redis://127.0.0.1:6379")
    dramatiq.set_broker(broker)
    actor.send_with_options(args=("hello",), mailbox="user:7")

The state machine. Each transition is one script (`lua/`), bounded, and all or nothing.

    a message     delayed     outside its mailbox until it is due
                  waiting     in its mailbox, never started
                  running     an attempt with a token and a lease
                  backoff     started before, keeps its place
                  done, dead, cancelled

    publish       -> waiting, delayed             promotion    delayed -> waiting
    claim         waiting, backoff -> running     settle       running -> done, dead, backoff, waiting
    cancel        waiting, delayed, backoff -> cancelled; running -> flagged, which ends as cancelled
    sweep         running without a lease -> backoff, dead; expired -> cancelled
    requeue       dead -> waiting                 prune, trim  done, dead -> gone

    a mailbox     idle        nothing in it; stored nowhere
                  ready       something in its window may start: it is in a ring
                  timed       nothing may start before a known instant
                  full        all of its window is running
                  paused      an operator stopped it

    Whatever changes its window moves it. Only claim takes it out of a ring, looks again, and trusts nothing.

    who calls   publish: any process. claim, settle: the pump. renew, sweep: the heartbeat. The rest: operators and
                sources, from any process. Only the token of the live attempt changes a running message.
"""

from okos.mailbox.broker import MailboxBroker
from okos.mailbox.decision import Ack, Dead, Decision, Defer, Postpone, Release, Retry
from okos.mailbox.delivery import Delivery, current_run, describe_run
from okos.mailbox.effect import Run
from okos.mailbox.errors import (
    BadMessage,
    LeaseLost,
    MailboxFull,
    RunOver,
    RunsCode,
    StoreTooOld,
    StoreUnavailable,
    WrongSchema,
)
from okos.mailbox.fitness import Finding, Severity
from okos.mailbox.history import WINDOWS, Point, Window
from okos.mailbox.look import DeadLetter, MailboxSeen, MessageSeen, Which
from okos.mailbox.measures import BOUNDS_MS, ActorMeasures, Histogram, Measures
from okos.mailbox.policy import (
    HistoryPolicy,
    RatePolicy,
    RetryPolicy,
    ShutdownPolicy,
    TimePolicy,
    WindowPolicy,
    backoff_ms,
)
from okos.mailbox.seen import (
    AuditEntry,
    AuditLog,
    Backlog,
    DeadGroup,
    DelayedSeen,
    Gauges,
    Limits,
    LimitsSeen,
    RunningSeen,
    ServerSeen,
    UserSeen,
)
from okos.mailbox.stats import Stats, WorkerSeen
from okos.mailbox.timeline import Event, MessageDetail

__all__ = [
    "BOUNDS_MS",
    "WINDOWS",
    "Ack",
    "ActorMeasures",
    "AuditEntry",
    "AuditLog",
    "Backlog",
    "BadMessage",
    "Dead",
    "DeadGroup",
    "DeadLetter",
    "Decision",
    "Defer",
    "DelayedSeen",
    "Delivery",
    "Event",
    "Finding",
    "Gauges",
    "Histogram",
    "HistoryPolicy",
    "LeaseLost",
    "Limits",
    "LimitsSeen",
    "MailboxBroker",
    "MailboxFull",
    "MailboxSeen",
    "Measures",
    "MessageDetail",
    "MessageSeen",
    "Point",
    "Postpone",
    "RatePolicy",
    "Release",
    "Retry",
    "RetryPolicy",
    "Run",
    "RunOver",
    "RunningSeen",
    "RunsCode",
    "ServerSeen",
    "Severity",
    "ShutdownPolicy",
    "Stats",
    "StoreTooOld",
    "StoreUnavailable",
    "TimePolicy",
    "UserSeen",
    "Which",
    "Window",
    "WindowPolicy",
    "WorkerSeen",
    "WrongSchema",
    "backoff_ms",
    "current_run",
    "describe_run",
]

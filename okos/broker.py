"""The broker of Okos: the mailbox engine with the policies that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dramatiq.middleware import AgeLimit, Callbacks, Pipelines

from okos.errors import OkosError
from okos.mailbox import MailboxBroker
from okos.middleware import EndWithParent, EventLoop, History, Metrics, RateLimit, Retry, Shutdown, TimeLimit, UserMutex
from okos.middleware.telemetry import report, trace
from okos.server import live_url

if TYPE_CHECKING:
    from dramatiq.middleware import Middleware

    from okos.settings import Settings


class NotRunning(OkosError):
    """There is no server to connect to."""


def build_broker(settings: Settings) -> MailboxBroker:
    """Make the broker: of the configured server, else of the one that runs in OKOS_HOME.

    Raises:
        NotRunning: Neither is there.
        ServerTooOld: The one in OKOS_HOME is too old.
        ExtraMissing: A setting asks for traces or reports, and what sends them is not installed.
    """
    url = live_url(settings)
    if url is None:
        raise NotRunning(
            f"no server: OKOS_REDIS_URL is not set and no Okos runs in {settings.home}; set it, or start `okos up`"
        )
    broker = MailboxBroker(
        url,
        namespace=settings.namespace,
        lease_ms=settings.lease_ms,
        max_stalls=settings.max_stalls,
        middleware=_middleware(settings),
    )
    report(broker, settings)
    trace(broker, settings)
    return broker


def _middleware(settings: Settings) -> list[Middleware]:
    """Order them as they are called before a run, from first to last; after it the other way round."""
    done, dead = settings.remove_on_complete, settings.remove_on_fail
    return [
        EndWithParent(),
        # turns are what is of interest: not maintenance, and not replies on their way
        Metrics(quiet=("maintenance", "outbox."), watched=("outbox.telegram",)),
        UserMutex(max_jobs_per_user=settings.max_jobs_per_user),
        RateLimit(jobs_per_second=settings.jobs_per_second, burst=settings.burst),
        AgeLimit(),
        TimeLimit(time_limit=settings.time_limit_ms),
        Shutdown(grace_ms=settings.shutdown_grace_ms),
        EventLoop(),
        Callbacks(),
        Pipelines(),
        History(
            done_count=done.count,
            done_age_ms=done.age_s * 1000,
            dead_count=dead.count,
            dead_age_ms=dead.age_s * 1000,
        ),
        Retry(
            max_retries=settings.retry_attempts,
            min_backoff=settings.min_backoff_ms,
            max_backoff=settings.max_backoff_ms,
        ),
    ]

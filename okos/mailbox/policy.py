"""Policies that middlewares publish and the engine executes. Frozen; they know neither Redis nor Dramatiq."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPolicy:
    """How many messages of one mailbox may be between their first start and their end. 1 means strict order."""

    max_jobs_per_user: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """Starts per mailbox: a bucket of `burst` cost units that leaks `jobs_per_second` of them a second.

    `all_per_second` and `all_burst` are the same for all mailboxes together. None means no limit.
    """

    jobs_per_second: float | None = None
    burst: int = 1
    all_per_second: float | None = None
    all_burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPolicy:
    """How many ended messages are kept and for how long. A count of 0 keeps none."""

    done_count: int = 0
    done_age_ms: int = 3_600_000
    dead_count: int = 1000
    dead_age_ms: int = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a failed message runs again; it waits from `min_backoff` ms, doubling, to `max_backoff` ms.

    `max_retries` None means for ever.
    """

    max_retries: int | None = 3
    min_backoff: int = 1_000
    max_backoff: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePolicy:
    """How long a handler may run. Infinity sets no limit."""

    time_limit_ms: float = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownPolicy:
    """How long running handlers may go on after SIGTERM before they are interrupted, to be run again elsewhere."""

    grace_ms: int = 25_000


#: What a limit is from and up to; a rate may be 0 as well, which is none. What is beyond is a slip, and would take a
#: script out of the numbers that the server counts with.
LIMITS: Mapping[str, tuple[float, float]] = {
    "max_jobs_per_user": (1, 1_000),
    "jobs_per_second": (1e-6, 1e6),
    "burst": (1, 1_000_000),
}


def wrong_limit(name: str, value: object) -> str | None:
    """Say what is wrong with a limit of a mailbox's own; None if nothing is."""
    least, most = LIMITS[name]
    is_rate = name == "jobs_per_second"
    is_number = isinstance(value, (int, float) if is_rate else int) and not isinstance(value, bool)
    # nan is within no bounds
    if is_number and (least <= value <= most or (is_rate and value == 0)):  # type: ignore[operator]  # it is one
        return None
    return f"{name} must be {'0 or ' if is_rate else ''}a number from {least:g} to {most:,.0f}"


Policy = WindowPolicy | RatePolicy | HistoryPolicy | RetryPolicy | TimePolicy | ShutdownPolicy


def backoff_ms(retries: int, *, min_backoff: int, max_backoff: int, spread: float) -> int:
    """Compute the wait before the next run: exponential, with jitter so that a crowd does not come back as one.

    Args:
        retries: How many retries there were before, from 0.
        min_backoff: The shortest first wait, ms.
        max_backoff: The longest wait, ms.
        spread: A random number in [0, 1).

    Returns:
        Between `min_backoff * 2**retries` and twice that; above `max_backoff`, between half of it and all of it. The
        same formula as Dramatiq's `compute_backoff`.
    """
    backoff = min_backoff * 2 ** min(retries, 32) * (1 + spread)
    if backoff > max_backoff:
        backoff = max_backoff * (0.5 + spread / 2)
    return int(backoff)

"""Figures as examples."""

import math

from benchmarks.drain import Drain


def a_drain(
    contestant: str = "okos",
    *,
    users: int = 1_000,
    messages_per_user: int = 20,
    sleep_ms: int = 0,
    seconds: float = 1.0,
    handled_per_s: float = 20_000.0,
    drain_cpu_us: float = math.nan,
    out_of_order: int = 0,
    doubled: int = 0,
    missing: int = 0,
    lasting_keys: int = 2,
    fixed_keys: int = 2,
) -> Drain:
    return Drain(
        contestant=contestant,
        users=users,
        messages_per_user=messages_per_user,
        sleep_ms=sleep_ms,
        seconds=seconds,
        handled_per_s=handled_per_s,
        drain_cpu_us=drain_cpu_us,
        out_of_order=out_of_order,
        doubled=doubled,
        missing=missing,
        lasting_keys=lasting_keys,
        fixed_keys=fixed_keys,
    )

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from okos.broker import NotRunning, build_broker
from okos.settings import DeadHistory, DoneHistory, Settings

if TYPE_CHECKING:
    from pathlib import Path

URL = "redis://127.0.0.1:1"


def test_the_settings_become_the_engine_s_policies() -> None:
    settings = Settings(
        redis_url=URL,
        namespace="mine",
        lease_ms=3_000,
        max_stalls=5,
        max_jobs_per_user=2,
        jobs_per_second=0.5,
        burst=4,
        retry_attempts=7,
        min_backoff_ms=10,
        max_backoff_ms=20,
        time_limit_ms=1_234,
        shutdown_grace_ms=567,
        remove_on_complete=DoneHistory(count=8, age_s=9),
        remove_on_fail=DeadHistory(count=10, age_s=11),
    )

    broker = build_broker(settings)
    options = broker.options()

    assert (broker.url, broker.namespace) == (URL, "mine")
    assert (options.lease_ms, options.max_stalls) == (3_000, 5)
    assert options.window.max_jobs_per_user == 2
    assert (options.rate.jobs_per_second, options.rate.burst) == (0.5, 4)
    assert (options.retry.max_retries, options.retry.min_backoff, options.retry.max_backoff) == (7, 10, 20)
    assert options.time.time_limit_ms == 1_234
    assert options.shutdown.grace_ms == 567
    assert (options.history.done_count, options.history.done_age_ms) == (8, 9_000)
    assert (options.history.dead_count, options.history.dead_age_ms) == (10, 11_000)


def test_without_a_server_it_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=rf"OKOS_REDIS_URL is not set and no Okos runs in {tmp_path}"):
        build_broker(Settings(home=tmp_path))

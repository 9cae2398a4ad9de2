"""A limit has the same bounds wherever it is set: as a setting, for a middleware, for one mailbox."""

from __future__ import annotations

import pytest
from annotated_types import Ge, Le

from okos.mailbox.policy import LIMITS
from okos.middleware import RateLimit, UserMutex
from okos.settings import Settings


@pytest.mark.parametrize("jobs", [1, 1_000])
def test_a_window_within_its_bounds_is_taken(jobs: int) -> None:
    assert UserMutex(max_jobs_per_user=jobs).policy.max_jobs_per_user == jobs


@pytest.mark.parametrize("jobs", [-1, 0, 1_001, 10**30, 1.5, float("nan"), True, "7"])
def test_a_window_out_of_its_bounds_is_refused(jobs: object) -> None:
    with pytest.raises(ValueError, match=r"max_jobs_per_user must be a whole number from 1 to 1,000, not "):
        UserMutex(max_jobs_per_user=jobs)  # type: ignore[arg-type]  # as somebody might


@pytest.mark.parametrize("name", ["jobs_per_second", "all_per_second"])
@pytest.mark.parametrize("rate", [1e-6, 1e6])
def test_a_rate_within_its_bounds_is_taken(name: str, rate: float) -> None:
    assert getattr(RateLimit(**{name: rate}).policy, name) == rate  # type: ignore[arg-type]  # of two that take it


@pytest.mark.parametrize("name", ["jobs_per_second", "all_per_second"])
@pytest.mark.parametrize("rate", [-1, 0, 1e-7, 1e6 + 1, float("inf"), float("nan"), True, "7"])
def test_a_rate_out_of_its_bounds_is_refused(name: str, rate: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be from 1e-06 to 1,000,000, or None for no limit, not "):
        RateLimit(**{name: rate})  # type: ignore[arg-type]  # as somebody might


@pytest.mark.parametrize("name", ["burst", "all_burst"])
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_burst_within_its_bounds_is_taken(name: str, size: int) -> None:
    assert getattr(RateLimit(**{name: size}).policy, name) == size


@pytest.mark.parametrize("name", ["burst", "all_burst"])
@pytest.mark.parametrize("size", [-1, 0, 1_000_001, 10**30, 1.5, float("nan"), True, "7"])
def test_a_burst_out_of_its_bounds_is_refused(name: str, size: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be a whole number from 1 to 1,000,000, or None for one second"):
        RateLimit(**{name: size})  # type: ignore[arg-type]  # as somebody might


@pytest.mark.parametrize("rate", [1e-6, 1e6])
def test_the_burst_of_a_rate_alone_is_within_its_bounds(rate: float) -> None:
    least, most = LIMITS["burst"]

    assert least <= RateLimit(jobs_per_second=rate).policy.burst <= most


@pytest.mark.parametrize("name", LIMITS)
def test_a_setting_has_the_bounds_that_a_limit_has(name: str) -> None:
    said = Settings.model_fields[name].metadata

    [least] = [one.ge for one in said if isinstance(one, Ge)]
    [most] = [one.le for one in said if isinstance(one, Le)]

    assert (least, most) == LIMITS[name]

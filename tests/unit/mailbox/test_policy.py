"""How long a failed message waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okos.mailbox.policy import backoff_ms


@pytest.mark.parametrize(
    ("retries", "spread", "expected"),
    [(0, 0, 1000), (0, 0.5, 1500), (1, 0, 2000), (3, 0, 8000), (5, 0.999, 59_970), (6, 0, 30_000), (60, 0.5, 45_000)],
)
def test_the_wait_doubles_up_to_its_limit(retries: int, spread: float, expected: int) -> None:
    assert backoff_ms(retries, min_backoff=1000, max_backoff=60_000, spread=spread) == expected


@given(
    retries=st.integers(0, 10_000),
    min_backoff=st.integers(0, 10**7),
    extra=st.integers(0, 10**9),
    spread=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_never_longer_than_its_limit(retries: int, min_backoff: int, extra: int, spread: float) -> None:
    wait_ms = backoff_ms(retries, min_backoff=min_backoff, max_backoff=min_backoff + extra, spread=spread)

    assert min_backoff // 2 <= wait_ms <= min_backoff + extra

"""What the tests share that start and kill real processes."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait for another process: until the condition holds, or fail after a time that is never needed."""

    def wait(condition: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "what was waited for never came"
            time.sleep(0.02)

    return wait

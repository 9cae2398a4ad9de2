"""How long what is fuzzed is fuzzed: seconds in `make test`, minutes in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: `make fuzz` says how many times as many examples as usual.
FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))


def fuzzed(examples: int) -> settings:
    """Try so many examples; anew each time where there is time for it, always the same ones in `make test`."""
    return settings(
        max_examples=examples * FACTOR,
        deadline=None,
        derandomize=FACTOR == 1,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )

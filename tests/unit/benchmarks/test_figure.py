import math

import pytest
from figures import a_drain

from benchmarks.figure import median_of, percentile


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 5), (51, 6), (99, 10), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: int, expected: int) -> None:
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], percent) == expected


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_of_rounds_the_median_figure_and_the_worst_count_are_kept() -> None:
    rounds = [
        a_drain(seconds=1.0, out_of_order=0),
        a_drain(seconds=9.0, out_of_order=3),
        a_drain(seconds=2.0, out_of_order=1),
    ]

    median = median_of(rounds)

    assert (median.seconds, median.out_of_order, median.users) == (2.0, 3, 1_000)


def test_a_round_that_could_not_be_measured_does_not_spoil_the_others() -> None:
    rounds = [a_drain(drain_cpu_us=us) for us in (math.nan, 30.0, 10.0)]

    assert median_of(rounds).drain_cpu_us == 20.0
    assert math.isnan(median_of(rounds[:1]).drain_cpu_us)

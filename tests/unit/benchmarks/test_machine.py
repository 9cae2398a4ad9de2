import math

from benchmarks.machine import Moment, others_percent, read_stat

START = Moment(all_s=100.0, busy_s=40.0, own_s=10.0)


def test_the_system_tells_of_all_cores_in_ticks() -> None:
    line = "cpu  1000 100 500 8000 200 50 100 50 0 0"

    assert read_stat(line, ticks_per_s=100) == (100.0, 18.0)


def test_what_was_busy_and_not_ours_was_others() -> None:
    assert others_percent(START, Moment(all_s=120.0, busy_s=55.0, own_s=20.0)) == 25.0


def test_others_never_use_less_than_nothing() -> None:
    """The two clocks tick differently."""
    assert others_percent(START, Moment(all_s=120.0, busy_s=49.9, own_s=20.0)) == 0.0


def test_a_system_that_does_not_tell_is_not_guessed_at() -> None:
    assert math.isnan(others_percent(None, START))
    assert math.isnan(others_percent(START, START))

from __future__ import annotations

from okos.telegram.fetch import rest_s


def test_a_line_that_cannot_be_opened_is_left_alone_for_longer_each_time_up_to_a_bound() -> None:
    assert [rest_s(failures) for failures in (1, 2, 3, 4, 5, 1_000)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]

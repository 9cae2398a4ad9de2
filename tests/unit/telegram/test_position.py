from __future__ import annotations

import pytest

from okos.telegram.position import Step, step


@pytest.mark.parametrize(
    ("known", "pts", "count", "expected"),
    [
        (10, 11, 1, Step.NEXT),
        (10, 13, 3, Step.NEXT),
        (10, 10, 1, Step.SEEN),
        (10, 9, 1, Step.SEEN),
        (10, 10, 0, Step.SEEN),
        (10, 12, 1, Step.GAP),
        (10, 14, 3, Step.GAP),
        (10, 12, 0, Step.GAP),
        # Part of it is known: it was applied.
        (10, 11, 2, Step.SEEN),
    ],
)
def test_what_an_update_is_to_a_box(known: int, pts: int, count: int, expected: Step) -> None:
    assert step(known, pts, count) is expected

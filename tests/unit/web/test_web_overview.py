from dataclasses import replace

from okos.mailbox import Histogram, Point
from okos.web.overview import columns, spark

MINUTE_MS = 60_000
POINT = Point(
    at_ms=MINUTE_MS,
    span_ms=MINUTE_MS,
    accepted=0,
    done=0,
    died=1,
    cancelled=0,
    retried=2,
    stalled=0,
    prompt_tokens=0,
    completion_tokens=0,
    waiting=7,
    running=2,
    limited=0,
    dead=1,
    oldest_wait_ms=0,
    memory_bytes=None,
    cpu_percent=None,
    wait=Histogram(),
    run=Histogram(),
)


def test_a_chart_shows_a_gap_where_nothing_was_measured() -> None:
    points = [replace(POINT, at_ms=MINUTE_MS), replace(POINT, at_ms=3 * MINUTE_MS, waiting=9)]

    found = columns(points, span_ms=MINUTE_MS, slots=4, now_ms=4 * MINUTE_MS)

    assert found["at"] == [60, 120, 180, 240]
    assert found["waiting"] == [7, None, 9, None]
    assert found["failed"] == [3, None, 3, None]


def test_a_slot_that_has_just_begun_has_no_wild_rate() -> None:
    found = columns([replace(POINT, span_ms=1)], span_ms=MINUTE_MS, slots=1, now_ms=MINUTE_MS)

    assert found["failed"] == [36]


def test_a_small_curve_keeps_within_its_box() -> None:
    assert spark([0, 10, 5]) == "0.0,26.0 60.0,2.0 120.0,14.0"
    assert spark([0, 0]) == "0.0,26.0 120.0,26.0"
    assert spark([4]) == ""

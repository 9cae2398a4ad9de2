import pytest

from okos.web.words import NOTHING, duration, first_line, instant, iso, number, plural, short, size


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, NOTHING),
        (-5, "0 ms"),
        (0, "0 ms"),
        (999.4, "999 ms"),
        (1_000, "1.0 s"),
        (9_999, "10.0 s"),
        (10_000, "10 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (61_000, "1 min 1 s"),
        (3_599_999, "59 min 59 s"),
        (3_600_000, "1 h"),
        (3_900_000, "1 h 5 min"),
        (86_400_000, "1 d"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(ms: float | None, said: str) -> None:
    assert duration(ms) == said


def test_numbers_are_grouped_and_large_ones_short() -> None:
    assert [number(value) for value in (None, 0, 1.25, 1234567)] == [NOTHING, "0", "1.2", "1\u202f234\u202f567"]
    assert [short(value) for value in (9_999, 12_345, 4_500_000)] == ["9\u202f999", "12.3 k", "4.5 M"]


def test_a_size_has_a_unit() -> None:
    assert [size(value) for value in (0, 1_023, 1_024, 3_500_000, 5 * 1024**3)] == [
        "0 B",
        "1023 B",
        "1.0 kB",
        "3.3 MB",
        "5.0 GB",
    ]


def test_an_instant_is_said_in_utc() -> None:
    assert instant(1_700_000_000_000) == "2023-11-14 22:13:20 UTC"
    assert instant(None) == NOTHING
    assert iso(1_700_000_000_500) == "2023-11-14T22:13:20.500+00:00"


@pytest.mark.parametrize("ms", [10**18, -(10**18), 10**400, -1])
def test_an_instant_that_is_in_no_calendar_is_none(ms: int) -> None:
    assert (instant(ms), iso(ms)) == (NOTHING, NOTHING)


def test_things_are_counted_in_words() -> None:
    assert [plural(1, "message"), plural(2, "message"), plural(0, "retry", "retries")] == [
        "1 message",
        "2 messages",
        "0 retries",
    ]


def test_a_text_is_cut_to_its_first_line() -> None:
    assert first_line("\none\ntwo") == "one"
    assert first_line("abcdef", 4) == "abc…"

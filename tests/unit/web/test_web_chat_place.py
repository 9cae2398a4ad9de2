import pytest
from hypothesis import given
from hypothesis import strategies as st

from okos.web.chat import place_of

EPOCH = "0123456789abcdef"


@pytest.mark.parametrize(
    ("last", "place"),
    [
        (f"{EPOCH}-7", 7),
        (f"{EPOCH}-0012", 12),
        ("", 0),
        ("7", 0),
        (f"{EPOCH}--1", 0),
        (f"{EPOCH}-7 ", 0),
        (f"{EPOCH}-\N{ARABIC-INDIC DIGIT SEVEN}", 0),
    ],
)
def test_a_page_goes_on_after_the_number_that_it_names(last: str, place: int) -> None:
    assert place_of(last, EPOCH) == place


def test_after_a_restart_of_the_web_a_page_misses_nothing() -> None:
    assert place_of("fedcba9876543210-40", EPOCH) == 0


@given(st.text() | st.integers(0, 10**6).map(lambda many: f"{EPOCH}-{'9' * (many % 6000)}"))
def test_whatever_it_names_is_a_place(last: str) -> None:
    assert 0 <= place_of(last, EPOCH) < 10**15

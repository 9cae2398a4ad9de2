"""An address as it is shown: what opens something is not in it, whoever wrote it and however."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okos.server import shown

WORD = "pw"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        (f"redis://okos:{WORD}@h/0", "redis://okos:…@h/0"),
        ("redis://:pw@h", "redis://:…@h"),
        ("https://pw@h/v1", "https://…@h/v1"),
        ("unix:///x.sock?db=0&password=pw", "unix:///x.sock?db=0&password=…"),
        ("https://h/v1?key=pw&pw", "https://h/v1?key=…&…"),
        ("redis://h/0#pw", "redis://h/0#…"),
        ("redis://okos:12#pw@h", "redis://…"),
        ("redis://okos:12/pw@h", "redis://…"),
        ("unix:///x.sock?password=a@pw", "unix://…"),
    ],
)
def test_only_what_opens_nothing_is_shown(url: str, said: str) -> None:
    assert shown(url) == said


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_part_of_a_password_is_shown(before: str, after: str) -> None:
    assert "hunter" not in shown(f"redis://okos:{before}hunter{after}@h/0")

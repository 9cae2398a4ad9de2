from __future__ import annotations

import pytest

from okos.local.keyboard import LineEditor


@pytest.fixture
def editor() -> LineEditor:
    return LineEditor()


def test_characters_become_a_line_when_enter_is_typed(editor: LineEditor) -> None:
    assert editor.feed(b"hel") == []
    assert editor.line == "hel"
    assert editor.feed(b"lo\rnext\nrest") == ["hello", "next"]
    assert editor.line == "rest"


def test_a_character_may_arrive_byte_by_byte(editor: LineEditor) -> None:
    for byte in "é👩‍🚀".encode():
        editor.feed(bytes([byte]))

    assert editor.line == "é👩‍🚀"


def test_what_is_typed_can_be_erased(editor: LineEditor) -> None:
    editor.feed(b"one two threx\x7fe\b\be")
    assert editor.line == "one two thre"
    editor.feed(b"\x17")
    assert editor.line == "one two"
    editor.feed(b"\x15")
    assert editor.line == ""
    editor.feed(b"\x7f")
    assert editor.line == ""


def test_cursor_keys_are_left_out_even_in_pieces(editor: LineEditor) -> None:
    for typed in (b"a\x1b[A", b"b\x1b", b"[1;5", b"Cc", b"\x1bOPd"):
        editor.feed(typed)

    assert editor.line == "abcd"


def test_control_d_ends_the_input_only_on_an_empty_line(editor: LineEditor) -> None:
    editor.feed(b"a\x04")
    assert not editor.at_end
    assert editor.line == "a"
    assert editor.feed(b"\r\x04") == ["a"]
    assert editor.at_end

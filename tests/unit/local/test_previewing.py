"""What a local client sees of an answer before it is there."""

from __future__ import annotations

import io

import pytest

from okos.envelope import Reply
from okos.local.channel import Delivered, Glimpse, Seen, read_glimpse
from okos.local.question import MOST_TEXT_BYTES
from okos.local.relay import read_lines
from okos.local.talk import Draft
from okos.local.visible import visible


def a_glimpse(text: str, *, envelope_id: str = "m1", attempt: int = 1) -> Glimpse:
    return Glimpse(envelope_id=envelope_id, attempt=attempt, text=text)


def test_a_preview_is_read_with_the_number_of_its_attempt() -> None:
    assert read_glimpse(b'{"id": "m1", "token": "12-ab3f", "text": "so f"}') == a_glimpse("so f", attempt=12)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b"null", b'{"id": "m1"}', b'{"id": "m1", "token": 1, "text": ""}', b'{"token": "x-1"}'],
)
def test_a_preview_that_is_none_is_ignored(payload: bytes) -> None:
    assert read_glimpse(payload) is None


def test_a_draft_grows_and_an_older_attempt_never_overwrites_a_later_one() -> None:
    draft = Draft()
    draft.see(a_glimpse("first try, long", attempt=3))
    draft.see(a_glimpse("again", attempt=9))
    draft.see(a_glimpse("first try, longer", attempt=3))

    assert draft.of("m1") == "again"


def test_a_draft_is_of_one_message_alone() -> None:
    draft = Draft()
    draft.see(a_glimpse("one"))

    assert draft.of("m2") == ""
    assert draft.of(None) == ""
    draft.see(a_glimpse("two", envelope_id="m2"))
    assert (draft.of("m1"), draft.of("m2")) == ("", "two")


def test_a_reply_that_is_delivered_again_is_known() -> None:
    seen = Seen()
    reply = Reply(envelope_id="m1", chat="7", text="hi", last=True)

    assert [
        seen.is_new(Delivered(reply=reply, message_id=message_id, written_ms=0)) for message_id in ("a", "a", "b")
    ] == [True, False, True]


def test_what_steers_a_terminal_is_left_out() -> None:
    assert visible("a\x1b[31mb\x07\x9bc\r\n\td é🎉") == "a[31mbc\n\td é🎉"


def test_lines_are_read_without_their_ends() -> None:
    assert list(read_lines(io.BytesIO(b"one\r\ntwo\n\nlast"))) == [b"one", b"two", b"", b"last"]


def test_of_a_line_that_is_too_long_only_so_much_is_kept_as_shows_it() -> None:
    lines = list(read_lines(io.BytesIO(b"a" * (3 * MOST_TEXT_BYTES) + b"\nnext\n" + b"b" * MOST_TEXT_BYTES + b"\r\n")))

    assert len(lines[0]) > MOST_TEXT_BYTES
    assert lines[1:] == [b"next", b"b" * MOST_TEXT_BYTES]

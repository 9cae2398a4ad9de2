"""A file that comes with an answer, on a terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from okos.envelope import Attachment, Reply
from okos.local.received import in_lines, keep
from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

CHART = Attachment(name="reply:m1:t:1", mime="image/png", file_name="chart.png", size_bytes=12_345)
REPLY = Reply(envelope_id="m1", chat="7", text="as of today", last=True, kind="photo", attachment=CHART)


def test_a_text_is_itself() -> None:
    assert in_lines(replace(REPLY, kind="text", attachment=None), take=no_file, directory=None) == "as of today"


def test_a_file_is_a_line_above_its_caption() -> None:
    shown = in_lines(REPLY, take=lambda _: b"png", directory=None)

    assert shown == "[photo chart.png, 12,345 bytes; --save DIRECTORY keeps files]\nas of today"


def test_a_file_is_kept_where_the_person_says(tmp_path: Path) -> None:
    shown = in_lines(replace(REPLY, text=""), take=lambda _: b"png", directory=tmp_path / "new")

    assert shown == f"[photo chart.png, 12,345 bytes, kept as {tmp_path / 'new' / 'chart.png'}]"
    assert (tmp_path / "new" / "chart.png").read_bytes() == b"png"


def test_a_file_that_is_gone_is_told_of(tmp_path: Path) -> None:
    assert "; it is gone]" in in_lines(REPLY, take=no_file, directory=tmp_path)


def test_what_keeps_a_file_from_being_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")

    def away(_: Attachment) -> bytes:
        raise StoreUnavailable("the server is away")

    assert "cannot keep a file" in in_lines(REPLY, take=lambda _: b"png", directory=tmp_path / "taken")
    assert "; the server is away]" in in_lines(REPLY, take=away, directory=tmp_path)


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    names = [keep(content, "chart.png", tmp_path).name for content in (b"1", b"2", b"3")]

    assert names == ["chart.png", "chart-2.png", "chart-3.png"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        (".bashrc", "bashrc"),
        ("a\x1b[31m\n\u202eb.txt", "a_[31m__b.txt"),
        ("..", "file"),
        ("ä" * 200 + ".txt", "ä" * 98 + ".txt"),
        ("x." + "y" * 300, "." + "y" * 199),
        ("C:\\temp\\a.txt", "C__temp_a.txt"),
    ],
)
def test_a_name_leads_nowhere(name: str, kept: str, tmp_path: Path) -> None:
    assert keep(b"1", name, tmp_path) == tmp_path / kept


def no_file(_: Attachment) -> None:
    return None

"""What of a document a model is given to read."""

from __future__ import annotations

import asyncio
import io
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import docx
import pytest

from okos.assistant.document import CUT, MOST_CHARS, MOST_UNPACKED_BYTES, read_text, text_of
from okos.assistant.file import File
from okos.model import ModelTold

if TYPE_CHECKING:
    from collections.abc import Callable


def a_pdf(*pages: str) -> bytes:
    """Write a PDF by hand: each page a line of text, packed as most are."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = zlib.compress(b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text.encode())
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    written = io.BytesIO(b"%PDF-1.4\n")
    written.seek(0, io.SEEK_END)
    places = []
    for number, one in enumerate(objects, start=1):
        places.append(written.tell())
        written.write(b"%d 0 obj\n%s\nendobj\n" % (number, one))
    start = written.tell()
    written.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    written.writelines(b"%010d 00000 n \n" % place for place in places)
    written.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return written.getvalue()


def a_docx() -> bytes:
    document = docx.Document()
    document.add_heading("The title")
    document.add_paragraph("A paragraph.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "one", "two"
    document.add_paragraph("The end.")
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def an_archive(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"plain\r\ntext", "plain\r\ntext"),
        ("größer als ∞".encode(), "größer als ∞"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("sixteen".encode("utf-16"), "sixteen"),
        (b"caf\xe9 of long ago", "café of long ago"),
        (a_pdf("first page", "second page"), "first page\nsecond page"),
        (a_docx(), "The title\nA paragraph.\none\ttwo\nThe end."),
    ],
)
def test_the_text_is_taken_out(content: bytes, text: str) -> None:
    assert read_text(content) == text
    assert asyncio.run(text_of(File(content=content))) == text


@pytest.mark.parametrize(
    "content", [b"x" * (MOST_CHARS + 1), "🎉".encode() * (MOST_CHARS + 1), a_pdf(*["y" * 1000] * 61)]
)
def test_of_a_long_file_the_beginning_is_read(content: bytes) -> None:
    text = read_text(content)

    assert text.endswith(CUT)
    assert len(text) == MOST_CHARS + len(CUT)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "found no text"),
        (b" \n ", "found no text"),
        (a_pdf(""), "send them as photos"),
        (a_pdf("cut off")[:40], "broken"),
        (b"%PDF-1.4 and nothing else", "broken"),
        (an_archive(word__document=b"no document"), "an office document"),
        (an_archive(**{"word__document.xml": b"no document"}), "broken"),
        (an_archive(**{"word__document.xml": bytes(MOST_UNPACKED_BYTES + 1)}), "cannot read this file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "cannot read this file"),
        (bytes(range(256)), "cannot read this file"),
        (b"\x00\x00\x00\x18ftypmp42", "a video"),
    ],
)
def test_what_cannot_be_read_is_told_in_words_for_its_sender(content: bytes, told: str) -> None:
    with pytest.raises(ModelTold) as problem:
        read_text(content)

    assert told in problem.value.told


@pytest.mark.parametrize(("content", "module"), [(a_pdf("a page"), "pypdf"), (a_docx(), "docx")])
def test_without_its_library_a_file_is_answered_with_what_is_missing(
    content: bytes, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ModelTold) as problem:
        read_text(content)

    assert "okos[documents]" in problem.value.told


class Watched(bytes):
    """A document that says when somebody begins to read it."""

    begin: Callable[[], object]

    def startswith(self, *args: Any) -> bool:  # Any: handed on as they came
        self.begin()
        return super().startswith(*args)


def test_a_document_that_nobody_waits_for_any_more_keeps_no_thread() -> None:
    # each page is drawn in many steps, and takes half a second
    content = Watched(a_pdf(*[") Tj" + " q Q" * 50_000 + " BT ("] * 400))

    async def leave_it() -> str:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        content.begin = lambda: loop.call_soon_threadsafe(begun.set)
        reading = asyncio.create_task(text_of(File(content=content)))
        await begun.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        async with asyncio.timeout(60):
            return await text_of(File(content=b"another"))

    assert asyncio.run(leave_it()) == "another"

"""The text of a document, for a model to read: plain text of any kind, PDF, Word.

A file from a user may be anything: broken, locked, or small and yet of gigabytes once unpacked. So what is taken out is
bounded, what a library raises on it is told to the user, and it is read off the event loop. The libraries for PDF and
Word are an extra of Okos: `okos[documents]`.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import threading
import zipfile
from itertools import islice
from typing import TYPE_CHECKING

from okos.model import ModelTold
from okos.model.photo import what_is_it

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from okos.assistant.file import File

#: About 15,000 tokens: what a question about a file costs at most.
MOST_CHARS = 60_000
CUT = "\n\n[…] (The file goes on; this is as much of it as I read.)"

MOST_PAGES = 500
MOST_UNPACKED_BYTES = 100 * 1024 * 1024

_DOCX_BODY = "word/document.xml"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_KNOWN = "I can read text files of every kind, PDF and Word (.docx)."


async def text_of(file: File) -> str:
    """Take the text out of a document, its beginning if it is long.

    Raises:
        ModelTold: It holds none that can be read; left to itself, this tells the user why.
    """
    left = threading.Event()
    try:
        return await asyncio.to_thread(read_text, file.content, is_left=left.is_set)
    finally:
        left.set()  # a thread cannot be cancelled, and there are few: a slow document must not keep one for hours


def read_text(content: bytes, *, is_left: Callable[[], bool] = lambda: False) -> str:
    """Take the text out of a document's bytes; slow, and raises as `text_of` does.

    Args:
        content: The document.
        is_left: Whether nobody waits for it any more; asked after each page or paragraph, and then it goes no further.
    """
    if content.startswith(b"%PDF-"):
        kind, parts = "PDF", _pdf(content)
    elif content.startswith(b"PK\x03\x04") and _is_docx(content):
        kind, parts = "Word document", _docx(content)
    else:
        kind, parts = "file", iter([_plain(content)])
    try:
        text = _joined(parts, is_left)
    except ModelTold:
        raise
    except Exception as error:
        # Whatever a broken file brings its library to.
        raise ModelTold(
            f"broken {kind}: {type(error).__name__}",
            told=f"I could not read this {kind}: it is broken, or locked by a password.",
        ) from error
    if not text.strip():
        raise ModelTold(
            f"a {kind} without text",
            told=f"I found no text in this {kind}. If its pages are pictures, send them as photos.",
        )
    return text


def _joined(parts: Iterable[str], is_left: Callable[[], bool]) -> str:
    """Join what comes, until it is enough or nobody wants it."""
    text = ""
    for part in parts:
        if is_left():
            break
        text += part if not text else f"\n{part}"
        if len(text) > MOST_CHARS:
            return text[:MOST_CHARS] + CUT
    return text


def _plain(content: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    # What is cut off is more than is read; a character that is cut in two goes with it.
    beginning = content[: 4 * MOST_CHARS + 4]
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(beginning, final=len(beginning) == len(content))
    except UnicodeDecodeError:
        text = "\x00" if b"\x00" in beginning else beginning.decode("cp1252", "replace")
    controls = sum(char < " " and char not in "\t\n\r\f\x1b" for char in text)
    if "\x00" in text or controls * 100 > len(text):
        raise ModelTold(
            "a file of an unknown kind", told=f"I cannot read this file: it is {what_is_it(content)}. {_KNOWN}"
        )
    return text


def _pdf(content: bytes) -> Iterator[str]:
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - of an extra
    except ImportError:
        raise _not_installed("PDF files", "pypdf") from None
    for page in islice(PdfReader(io.BytesIO(content)).pages, MOST_PAGES):
        yield page.extract_text()


def _docx(content: bytes) -> Iterator[str]:
    try:
        from docx import Document  # noqa: PLC0415 - of an extra
        from docx.table import Table  # noqa: PLC0415
    except ImportError:
        raise _not_installed("Word documents", "python-docx") from None
    for block in Document(io.BytesIO(content)).iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                yield "\t".join(cell.text for cell in row.cells)
        else:
            yield block.text


def _is_docx(content: bytes) -> bool:
    """Tell whether a ZIP archive is a Word document, and one that can be unpacked safely."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    # No member can be unpacked to more than it says.
    unpacked_bytes = sum(member.file_size for member in members)
    return unpacked_bytes <= MOST_UNPACKED_BYTES and any(member.filename == _DOCX_BODY for member in members)


def _not_installed(files: str, library: str) -> ModelTold:
    return ModelTold(
        f"{library} is not installed: pip install 'okos[documents]'",
        told=f"I cannot read {files} here. (For the operator: the extra okos[documents] is not installed.)",
    )

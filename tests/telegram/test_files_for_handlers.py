"""What a user sends is in the hands of a handler, byte for byte; and the shipped handlers read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attending import attending, said
from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from datacentre.samples import PHOTO, sticker_of
from delivering import fast_settings
from gateway_running import a_gateway, ready, with_a_centre

from actors.document import read
from actors.voice import listen
from okos.model import UNHEARD

if TYPE_CHECKING:
    from okos.assistant import Turn


async def send_back(turn: Turn) -> None:
    await turn.reply_file("document", turn.file.content, name=f"{turn.envelope.kind}-{turn.file.name}")


async def as_shipped(turn: Turn) -> None:
    await (listen if turn.envelope.kind == "voice" else read)(turn)


@with_a_centre
async def test_the_bytes_of_each_kind_are_there_when_the_turn_starts(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with attending(url, namespace, send_back, "photo", "sticker", "voice", "document"):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.sends_photo(alice, PHOTO)
            dc.sends_sticker(alice, made_as="webm")
            dc.sends_voice(alice, b"OggS and more")
            dc.sends_document(alice, b"a, b", "table.csv")
            await dc.until(lambda: len(said(dc, alice)) == 4)
    back = said(dc, alice)
    assert [dc.content(message) for message in back] == [PHOTO, sticker_of("webm"), b"OggS and more", b"a, b"]
    assert [message.media.file_name for message in back if message.media] == [
        "photo-None",
        "sticker-sticker.webm",
        "voice-None",
        "document-table.csv",
    ]


@with_a_centre
async def test_the_shipped_handlers_read_documents_and_say_what_voice_needs(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with attending(url, namespace, as_shipped, "voice", "document"):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.sends_document(alice, b"one, two", "list.txt", "How many?")
            dc.sends_document(alice, bytes(range(256)), "program.exe")
            dc.sends_voice(alice)
            # The last may be a preview; when it is whole, those before it are.
            await dc.until(lambda: dc.answers(alice)[2:] == [UNHEARD])
    text, program, _ = dc.answers(alice)
    assert "How many? [list.txt] one, two" in text
    assert program.startswith("I cannot read this file")

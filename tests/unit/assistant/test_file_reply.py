"""Files that a handler replies with, and those that it is given."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from doubles import FakeRun, FakeStore, SaysModel, an_assistant, an_envelope

from okos.assistant import Turn, memory
from okos.assistant.file import MOST_FILES, File, FileReply, Unsendable, file_reply
from okos.assistant.prompt import conversation
from okos.envelope import MOST_FILE_BYTES, Attachment, Reply
from okos.outbox import FILE_TTL_MS, LOCAL_EXPIRES_MS

PNG = b"\x89PNG\r\n\x1a\n and so on"
NOTES = Attachment(name="file:1", mime="text/plain", file_name="notes.txt", size_bytes=3)


async def draw(turn: Turn) -> None:
    await turn.reply("Look:")
    await turn.reply_file("photo", PNG, caption="a chart")


@pytest.mark.parametrize(
    ("kind", "content", "name", "mime"),
    [
        ("photo", PNG, "photo.png", "image/png"),
        ("photo", b"\xff\xd8\xff", "photo.jpg", "image/jpeg"),
        ("sticker", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "sticker.webp", "image/webp"),
        ("voice", b"OggS", "voice.ogg", "audio/ogg"),
        ("document", b"what is it?", "document", "application/octet-stream"),
    ],
)
def test_what_is_not_said_of_a_file_is_found_out(kind: str, content: bytes, name: str, mime: str) -> None:
    turn = a_turn()

    asyncio.run(turn.reply_file(kind, content))  # type: ignore[arg-type]  # one of the four

    assert turn.replies == [FileReply(kind=kind, content=content, name=name, mime=mime)]  # type: ignore[arg-type]


def test_a_file_is_called_what_its_handler_calls_it() -> None:
    reply = file_reply("document", b"a;b", name="/tmp/in a folder/table.csv")  # noqa: S108 - it is not opened

    assert (reply.name, reply.mime) == ("table.csv", "text/csv")
    assert file_reply("document", b"a", name="x" * 500 + ".txt").name.endswith("x.txt")


@pytest.mark.parametrize(("content", "reason"), [(b"", "without a byte"), (bytes(MOST_FILE_BYTES + 1), "are the most")])
def test_what_cannot_be_sent_is_refused_while_the_handler_can_be_told(content: bytes, reason: str) -> None:
    with pytest.raises(Unsendable, match=reason):
        file_reply("document", content)


def test_a_turn_has_as_many_files_as_an_album_at_most() -> None:
    turn = a_turn()
    for _ in range(MOST_FILES):
        asyncio.run(turn.reply_file("photo", PNG))

    with pytest.raises(Unsendable, match="10 files at most"):
        asyncio.run(turn.reply_file("photo", PNG))


@pytest.mark.parametrize(("channel", "ttl_ms"), [("local", LOCAL_EXPIRES_MS), ("telegram", FILE_TTL_MS)])
def test_the_bytes_are_put_aside_and_the_reply_names_them(channel: str, ttl_ms: int) -> None:
    store = FakeStore()

    an_assistant(store, FakeRun("t9")).attend(draw, replace(an_envelope(), channel=channel).encode())

    text, photo = store.replies
    assert (text.text, text.kind, text.attachment, text.last) == ("Look:", "text", None, False)
    assert photo == Reply(
        envelope_id="m1",
        chat="7",
        text="a chart",
        last=True,
        kind="photo",
        attachment=Attachment(name="reply:m1:t9:2", mime="image/png", file_name="photo.png", size_bytes=len(PNG)),
    )
    assert store.values == {"reply:m1:t9:2": PNG}
    assert store.written == {"reply:m1:t9:2": ttl_ms}


def test_a_turn_that_fails_puts_nothing_aside() -> None:
    async def fail(turn: Turn) -> None:
        await draw(turn)
        raise RuntimeError

    store = FakeStore()

    with pytest.raises(RuntimeError):
        an_assistant(store, FakeRun()).attend(fail, an_envelope().encode())

    assert store.values == {}


def test_a_file_is_remembered_in_words() -> None:
    run = FakeRun()

    an_assistant(FakeStore(), run).attend(draw, an_envelope().encode())

    [turn] = memory.window([run.appended[0][1]], turns=1, now_id="m2")
    assert turn.assistant == "Look:\n\n(a photo: photo.png) a chart"


def test_a_handler_is_given_the_files_of_its_message() -> None:
    seen: list[Turn] = []

    async def look(turn: Turn) -> None:
        seen.append(turn)

    store = FakeStore(values={"file:1": b"abc"})
    an_assistant(store, FakeRun()).attend(look, an_envelope(kind="document", attachment=NOTES).encode())

    assert seen[0].files == (File(content=b"abc", name="notes.txt", mime="text/plain"),)
    assert seen[0].file == seen[0].files[0]


def test_a_sticker_whose_file_is_gone_is_a_sticker_still() -> None:
    store = FakeStore()

    an_assistant(store, FakeRun()).attend(draw, an_envelope(kind="sticker", emoji="🙂", attachment=NOTES).encode())

    assert [reply.text for reply in store.replies] == ["Look:", "a chart"]


def test_a_handler_that_needs_a_file_that_is_gone_has_it_asked_for_again() -> None:
    async def read(turn: Turn) -> None:
        await turn.reply(turn.file.content.decode())

    store = FakeStore()

    an_assistant(store, FakeRun()).attend(read, an_envelope(kind="document").encode())

    assert "send it again" in store.replies[0].text


def test_what_a_message_is_read_as_is_asked_and_remembered() -> None:
    async def hear(turn: Turn) -> None:
        turn.read_as("what was said")
        assert turn.text == "what was said"
        await turn.reply(turn.model.stream(turn.conversation))

    store, run, model = FakeStore(values={"file:1": b"abc"}), FakeRun(), SaysModel()
    envelope = an_envelope(kind="voice", text="", attachment=NOTES)

    an_assistant(store, run, model).attend(hear, envelope.encode())

    assert model.asked[0].latest.text == "what was said"
    [turn] = memory.window([run.appended[0][1]], turns=1, now_id="m2")
    assert turn.user == "what was said"


def a_turn() -> Turn:
    envelope = an_envelope()
    return Turn(envelope=envelope, model=SaysModel(), conversation=conversation(envelope, system=""))

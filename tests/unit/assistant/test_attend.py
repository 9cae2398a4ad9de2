"""What runs around a handler: the effects it leaves with the run, and what becomes of each failure."""

from __future__ import annotations

from dataclasses import replace

import dramatiq
import orjson
import pytest
from doubles import FakeRun, FakeStore, SaysModel, an_assistant, an_envelope

from okos.assistant import Turn, memory
from okos.envelope import MOST_FILE_BYTES, Attachment, BadEnvelope, Reply
from okos.errors import OkosError
from okos.model import ModelBusy, ModelRefused, ModelTold
from okos.outbox import GivenUp

PHOTO = Attachment(name="file:1", mime="image/png", file_name="cat.png", size_bytes=3)


async def answer(turn: Turn) -> None:
    await turn.reply(turn.model.stream(turn.conversation))


async def say_twice(turn: Turn) -> None:
    await turn.reply("one")
    await turn.reply("two")


async def say_nothing(turn: Turn) -> None:
    del turn


def test_the_reply_goes_to_the_outbox_and_ends_the_turn() -> None:
    store = FakeStore()

    an_assistant(store, FakeRun()).attend(answer, an_envelope().encode())

    assert store.published[0].queue_name == "outbox.local.3f2a"
    assert store.replies == [Reply(envelope_id="m1", chat="7", text="Hello", last=True)]


def test_only_the_last_of_several_replies_ends_the_turn() -> None:
    store = FakeStore()

    an_assistant(store, FakeRun()).attend(say_twice, an_envelope().encode())

    assert [(reply.text, reply.last) for reply in store.replies] == [("one", False), ("two", True)]


def test_a_handler_that_says_nothing_still_ends_the_turn() -> None:
    store, run = FakeStore(), FakeRun()

    an_assistant(store, run).attend(say_nothing, an_envelope().encode())

    assert [(reply.text, reply.last) for reply in store.replies] == [("", True)]
    assert not run.appended


def test_a_preview_carries_the_token_of_its_attempt() -> None:
    store = FakeStore()

    an_assistant(store, FakeRun("t9")).attend(answer, an_envelope().encode())

    channel, payload = store.previews[0]
    assert channel == "outbox.local.3f2a"
    assert orjson.loads(payload) == {"id": "m1", "token": "t9", "text": "Hel"}


def test_a_preview_with_half_a_character_can_be_sent() -> None:
    store = FakeStore()

    an_assistant(store, FakeRun(), SaysModel(pieces=["\ud83d"])).attend(answer, an_envelope().encode())

    assert orjson.loads(store.previews[0][1])["text"] == "?"


def test_a_turn_is_remembered_with_the_run_and_known_in_the_next() -> None:
    store, run, model = FakeStore(), FakeRun(), SaysModel()

    an_assistant(store, run).attend(answer, an_envelope(text="I am Ada.").encode())
    name, line, keep, ttl_ms = run.appended[0]
    store.lists[name] = [line]
    an_assistant(store, FakeRun(), model).attend(answer, an_envelope(message_id="m2").encode())

    assert (name, keep, ttl_ms) == ("memory:local:7", 20, 1_000)
    assert [said.text for said in model.asked[0].earlier] == ["I am Ada.", "Hello"]


def test_what_a_message_left_in_an_earlier_run_is_not_part_of_its_past() -> None:
    store, model = FakeStore(), SaysModel()
    store.lists["memory:local:7"] = [memory.written(memory.Remembered(id="m1", user="hello", assistant="Hello"))]

    an_assistant(store, FakeRun(), model).attend(answer, an_envelope(message_id="m1").encode())

    assert model.asked[0].earlier == ()


def test_without_memory_nothing_is_read_or_written() -> None:
    store, run, model = FakeStore(), FakeRun(), SaysModel()
    store.lists["memory:local:7"] = [memory.written(memory.Remembered(id="m0", user="a", assistant="b"))]

    an_assistant(store, run, model, memory_turns=0).attend(answer, an_envelope().encode())

    assert model.asked[0].earlier == ()
    assert not run.appended


def test_the_model_is_shown_the_photo() -> None:
    store, model = FakeStore(values={"file:1": b"abc"}), SaysModel()
    envelope = an_envelope(kind="photo", text="Who?", attachment=PHOTO)

    an_assistant(store, FakeRun(), model).attend(answer, envelope.encode())

    latest = model.asked[0].latest
    [photo] = latest.photos
    assert (photo.content, photo.file_name, latest.text) == (b"abc", "cat.png", "Who?")


def test_a_photo_is_deleted_with_its_turn_and_kept_for_the_next_attempt() -> None:
    store, done, failed = FakeStore(values={"file:1": b"abc"}), FakeRun(), FakeRun()
    body = an_envelope(kind="photo", attachment=PHOTO).encode()

    with pytest.raises(ModelBusy):
        an_assistant(store, failed, SaysModel(error=ModelBusy("503"))).attend(answer, body)
    an_assistant(store, done).attend(answer, body)

    assert (failed.deleted, done.deleted) == ([], ["file:1"])


def test_an_album_is_one_question_about_the_photos_that_are_there() -> None:
    store, run, model = FakeStore(values={"file:1": b"one", "file:3": b"three"}), FakeRun(), SaysModel()
    more = (replace(PHOTO, name="file:2"), replace(PHOTO, name="file:3"))
    envelope = replace(an_envelope(kind="photo", text="Which?", attachment=PHOTO), more=more)

    an_assistant(store, run, model).attend(answer, envelope.encode())

    assert [photo.content for photo in model.asked[0].latest.photos] == [b"one", b"three"]
    assert run.deleted == ["file:1", "file:2", "file:3"]


def test_a_photo_that_was_too_large_to_be_kept_is_told_so() -> None:
    store, model = FakeStore(), SaysModel()
    large = replace(PHOTO, size_bytes=MOST_FILE_BYTES + 1)

    an_assistant(store, FakeRun(), model).attend(answer, an_envelope(kind="photo", attachment=large).encode())

    assert "too large" in store.replies[0].text
    assert model.asked == []


@pytest.mark.parametrize("attachment", [PHOTO, None])
def test_a_photo_that_is_no_longer_kept_is_asked_for_again(attachment: Attachment | None) -> None:
    store, run, model = FakeStore(), FakeRun(), SaysModel()

    an_assistant(store, run, model).attend(answer, an_envelope(kind="photo", attachment=attachment).encode())

    assert "send it again" in store.replies[0].text
    assert (store.replies[0].last, store.replies[0].failed) == (True, False)
    assert not model.asked
    assert not run.appended


def test_what_the_user_must_be_told_is_told_and_the_turn_is_complete() -> None:
    store, run = FakeStore(), FakeRun()
    model = SaysModel(pieces=["half an ans"], error=ModelTold("filtered: 400", told="I may not say."))

    an_assistant(store, run, model).attend(answer, an_envelope().encode())

    assert store.replies == [Reply(envelope_id="m1", chat="7", text="I may not say.", last=True)]
    assert not run.appended


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ModelBusy("503"), GivenUp.BUSY),
        (ModelRefused("401"), GivenUp.REFUSED),
        (RuntimeError("secret detail"), GivenUp.FAILED),
    ],
)
def test_a_failed_attempt_leaves_nothing_but_an_apology_for_the_case_that_it_was_the_last(
    error: Exception, why: GivenUp
) -> None:
    store, run = FakeStore(), FakeRun()

    with pytest.raises(type(error)):
        an_assistant(store, run, SaysModel(error=error)).attend(answer, an_envelope().encode())

    assert not store.published
    assert not run.appended
    assert run.apologies[-1] == Reply(envelope_id="m1", chat="7", text=why.value, last=True, failed=True)


def test_every_attempt_has_an_apology_before_it_begins() -> None:
    run = FakeRun()
    seen: list[Reply] = []

    async def die(turn: Turn) -> None:
        del turn
        seen.extend(run.apologies)

    an_assistant(FakeStore(), run).attend(die, an_envelope().encode())

    assert [reply.text for reply in seen] == [GivenUp.FAILED.value]


@pytest.mark.parametrize(("asked_ms", "delay_ms"), [(0, 0), (7_000, 7_000), (60_000, 60_000), (60_001, 60_000)])
def test_a_model_that_asks_for_time_gets_it_up_to_the_longest_backoff(asked_ms: int, delay_ms: int) -> None:
    model = SaysModel(error=ModelBusy("429", retry_after_ms=asked_ms))

    with pytest.raises(dramatiq.Retry) as retry:
        an_assistant(FakeStore(), FakeRun(), model).attend(answer, an_envelope().encode())

    assert retry.value.delay == delay_ms


def test_what_is_no_envelope_fails_before_the_handler() -> None:
    with pytest.raises(BadEnvelope):
        an_assistant(FakeStore(), FakeRun()).attend(answer, {"id": "m1"})


def test_outside_a_worker_there_is_nothing_to_commit_to() -> None:
    with pytest.raises(OkosError, match="in a worker only"):
        an_assistant(FakeStore(), None).attend(answer, an_envelope().encode())

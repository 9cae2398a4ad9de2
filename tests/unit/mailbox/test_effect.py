"""What a run collects, and when it is committed."""

from collections.abc import Callable

import dramatiq
import pytest

from okos.mailbox.effect import MOST_EFFECT_BYTES, MOST_EFFECTS, Append, Delete, Publish, Put, Run, derived_id
from okos.mailbox.errors import BadMessage
from okos.mailbox.publication import prepare


def a_run(message_id: str = "m1", *, epoch: int = 0) -> Run:
    return Run(message_id=message_id, mailbox="local:7", token="1-a", attempt=1, epoch=epoch)  # noqa: S106


def a_message(message_id: str = "x") -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name="outbox",
        actor_name="deliver",
        args=(),
        kwargs={},
        options={},
        message_id=message_id,
        message_timestamp=1_700_000_000_000,  # or two would be alike only within a millisecond
    )


def test_effects_are_committed_with_the_ack_in_the_order_in_which_they_were_made() -> None:
    run = a_run()
    run.append("turns", b"1", keep=5, ttl_ms=1000)
    run.put("name", b"2", ttl_ms=1000)
    run.delete("other")
    run.publish(prepare(a_message()))

    assert run.committed_with_ack() == [
        Append("turns", b"1", 5, 1000),
        Put("name", b"2", 1000),
        Delete("other"),
        Publish(prepare(a_message())),
    ]
    assert run.committed_with_burial() == []


def test_what_a_task_adds_while_the_effects_are_written_down_is_not_among_them() -> None:
    run = a_run()
    run.delete("a")
    run.close()

    committed = run.committed_with_ack()
    run.delete("b")

    assert committed == [Delete("a")]


def test_what_a_handler_made_before_it_failed_is_never_committed() -> None:
    run = a_run()
    run.put("name", b"2", ttl_ms=1000)
    run.handler_failed()

    assert run.committed_with_ack() == run.committed_with_burial() == []


def test_what_is_sent_after_a_failure_is_committed_with_the_burial() -> None:
    run = a_run()
    run.handler_failed()
    run.publish(prepare(a_message()))

    assert run.committed_with_burial() == [Publish(prepare(a_message()))]


def test_the_last_apology_counts_and_comes_with_the_burial_only() -> None:
    run = a_run()
    run.on_dead(a_message("first"))
    run.on_dead(a_message("second"))

    (effect,) = run.committed_with_burial()
    assert isinstance(effect, Publish)
    assert effect.publication.id == derived_id("m1", 0, "on_dead", 1)
    assert run.committed_with_ack() == []


def test_every_attempt_of_a_message_names_its_effects_alike() -> None:
    first, second = a_run(), a_run()

    assert [first.next_id(), first.next_id()] == [second.next_id(), second.next_id()]


def test_effects_of_other_messages_lives_and_purposes_have_other_names() -> None:
    failed = a_run()
    failed.handler_failed()
    twice = a_run()

    names = [
        twice.next_id(),
        twice.next_id(),
        a_run("m2").next_id(),
        a_run(epoch=1).next_id(),
        failed.next_id(),
        derived_id("m1", 0, "on_dead", 1),
    ]

    assert len(set(names)) == len(names)


def test_ids_that_run_into_each_other_derive_different_names() -> None:
    assert derived_id("m1\x001", 0, "effect", 1) != derived_id("m1", 10, "effect", 1)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda run: run.put("", b"", ttl_ms=1), "name"),
        (lambda run: run.put("x" * 600, b"", ttl_ms=1), "name"),
        (lambda run: run.put("lone \ud800", b"", ttl_ms=1), "name"),
        (lambda run: run.put("a", "text", ttl_ms=1), "bytes"),
        (lambda run: run.put("a", bytearray(b"x"), ttl_ms=1), "bytes"),
        (lambda run: run.put("a", b"", ttl_ms=0), "ttl_ms"),
        (lambda run: run.put("a", b"", ttl_ms=1.5), "ttl_ms"),
        (lambda run: run.put("a", b"", ttl_ms=True), "ttl_ms"),
        (lambda run: run.put("a", b"", ttl_ms=2**63), "ttl_ms"),
        (lambda run: run.append("a", b"", keep=0, ttl_ms=1), "keep"),
        (lambda run: run.append("a", b"", keep=1.5, ttl_ms=1), "keep"),
        (lambda run: run.delete(""), "name"),
    ],
)
def test_what_the_settle_could_not_write_is_refused_in_the_handler(make: Callable[[Run], None], what: str) -> None:
    with pytest.raises(BadMessage, match=what):
        make(a_run())


def test_a_run_has_so_many_effects_and_no_more() -> None:
    run = a_run()
    for _ in range(MOST_EFFECTS):
        run.delete("a")

    with pytest.raises(BadMessage, match="256 effects"):
        run.delete("a")


def test_a_value_that_is_too_large_leaves_room_for_smaller_ones() -> None:
    run = a_run()
    run.put("half", b"x" * (MOST_EFFECT_BYTES // 2), ttl_ms=1)

    with pytest.raises(BadMessage, match="bytes together"):
        run.put("too much", b"x" * MOST_EFFECT_BYTES, ttl_ms=1)
    run.put("other half", b"x" * (MOST_EFFECT_BYTES // 2), ttl_ms=1)

    assert len(run.committed_with_ack()) == 2

"""Putting a message in: once, in order, now or later."""

from collections.abc import Callable

import pytest
from mailboxes import Mailboxes

Open = Callable[..., Mailboxes]


def test_a_message_is_accepted_once_by_its_id(mailboxes: Mailboxes) -> None:
    outcomes = [mailboxes.publish("m1") for _ in range(3)]

    assert outcomes == ["new", "seen", "seen"]
    assert mailboxes.stats().accepted == 1


@pytest.mark.parametrize("keep_done", [0, 10])
def test_a_message_that_has_ended_is_not_accepted_again(mailboxes: Mailboxes, keep_done: int) -> None:
    mailboxes.keep_done = keep_done
    mailboxes.publish("m1")
    mailboxes.settle(mailboxes.claim())

    assert mailboxes.publish("m1") == "seen"


def test_a_delayed_message_is_accepted_once_too(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", delay_ms=500)

    assert mailboxes.publish("m1") == "seen"
    assert mailboxes.ids() == []


def test_a_dedup_id_stands_for_the_id_that_was_accepted(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", dedup_id="update:7")
    again = mailboxes.store.publish(mailboxes.publication("m2", dedup_id="update:7"))

    assert again == ("seen", "m1")
    assert mailboxes.ids() == ["m1"]


def test_a_dedup_id_outlives_the_message(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", dedup_id="update:7")
    mailboxes.settle(mailboxes.claim())

    assert mailboxes.publish("m2", dedup_id="update:7") == "seen"


def test_a_dedup_id_ends_after_its_time_counted_from_when_a_delay_is_over(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", dedup_id="update:7", dedup_ttl_ms=10_000, delay_ms=30_000)

    left_ms = mailboxes.admin.pttl(mailboxes.store.key("dedup:update:7"))
    assert 30_000 < left_ms <= 40_000


def test_a_refused_message_leaves_no_dedup_id(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", max_backlog=1)
    assert mailboxes.publish("m2", dedup_id="update:7", max_backlog=1) == "full"
    mailboxes.settle(mailboxes.claim())

    assert mailboxes.publish("m2", dedup_id="update:7", max_backlog=1) == "new"


def test_a_backlog_counts_what_runs_and_what_waits_but_not_what_is_delayed(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", max_backlog=2)
    mailboxes.claim()
    mailboxes.publish("m2", delay_ms=10_000, max_backlog=2)

    outcomes = [mailboxes.publish(f"m{number}", max_backlog=2) for number in (3, 4)]

    assert outcomes == ["new", "full"]
    assert mailboxes.stats().accepted == 3


def test_one_mailbox_that_is_full_refuses_nobody_else(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", "a", max_backlog=1)

    assert mailboxes.publish("m2", "b", max_backlog=1) == "new"


def test_messages_of_a_mailbox_start_in_publish_order(mailboxes: Mailboxes) -> None:
    ids = [f"m{number}" for number in range(10)]
    for message_id in ids:
        mailboxes.publish(message_id)

    started = []
    for _ in ids:
        one = mailboxes.claim()
        started.append(one.id)
        mailboxes.settle(one)

    assert started == ids


def test_a_body_comes_back_as_it_was(mailboxes: Mailboxes) -> None:
    body = bytes(range(256)) * 3

    mailboxes.publish("m1", body=body)

    assert mailboxes.claim().body == body


def test_names_may_hold_anything(mailboxes: Mailboxes) -> None:
    mailbox = "local:7:tö {x} *?[a]\n\x00:"

    mailboxes.publish("m:1:{}", mailbox, queue="a queue:0:1")

    assert mailboxes.claim(queues=["a queue:0:1"]).mailbox == mailbox


def test_a_delayed_message_joins_the_tail_when_it_is_due(mailboxes: Mailboxes) -> None:
    mailboxes.publish("late", delay_ms=1000)
    mailboxes.publish("m1")
    first = mailboxes.claim()
    mailboxes.publish("m2")

    mailboxes.advance(1000)
    mailboxes.settle(first)

    mailboxes.settle(second := mailboxes.claim())
    assert (first.id, second.id, mailboxes.claim().id) == ("m1", "m2", "late")


@pytest.mark.parametrize(("after_ms", "expected"), [(0, []), (999, []), (1000, ["late"]), (1001, ["late"])])
def test_a_delayed_message_starts_when_it_is_due_and_not_before(
    mailboxes: Mailboxes, after_ms: int, expected: list[str]
) -> None:
    mailboxes.publish("late", delay_ms=1000)

    mailboxes.advance(after_ms)

    assert mailboxes.ids() == expected


def test_delayed_messages_due_at_one_instant_keep_publish_order(mailboxes: Mailboxes) -> None:
    ids = [f"m{number}" for number in range(20, 0, -1)]
    for message_id in ids:
        mailboxes.publish(message_id, f"box of {message_id}", delay_ms=1000)

    mailboxes.advance(1000)

    assert mailboxes.ids() == ids


def test_more_delayed_messages_than_one_call_brings_back_all_come(mailboxes: Mailboxes) -> None:
    for number in range(150):
        mailboxes.publish(f"m{number:03}", f"box {number}", delay_ms=1000)
    mailboxes.advance(1000)

    started = [mailboxes.ids(), mailboxes.ids(), mailboxes.ids()]

    assert [len(ids) for ids in started] == [64, 64, 22]


def test_a_claim_says_when_it_is_worth_coming_back(mailboxes: Mailboxes) -> None:
    assert mailboxes.claim_all().due_ms == -1
    mailboxes.publish("m1", "a", delay_ms=700)
    mailboxes.publish("m2", "b", hold_ms=300)

    mailboxes.advance(100)

    assert mailboxes.claim_all().due_ms == 200


def test_a_held_message_keeps_its_place_and_holds_those_behind_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("album", hold_ms=1000)
    mailboxes.publish("m2")
    mailboxes.publish("other", "b")
    assert mailboxes.ids() == ["other"]

    mailboxes.advance(1000)

    assert mailboxes.ids() == ["album"]


def test_a_delayed_message_that_is_held_too_waits_for_the_later_of_both(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", delay_ms=500, hold_ms=800)

    mailboxes.advance(799)
    assert mailboxes.ids() == []
    mailboxes.advance(1)

    assert mailboxes.ids() == ["m1"]


def test_a_message_alone_rings_the_bell_of_its_queue_once(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}", f"box {number}", queue="text")

    assert mailboxes.keys().lists["bell:text"] == ["1"]


def test_the_earliest_delayed_message_rings_the_bell_so_that_somebody_waits_for_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", delay_ms=1000)
    bell = mailboxes.store.key("bell:q")
    assert mailboxes.store.client.lpop(bell) == b"1"

    mailboxes.publish("m2", delay_ms=2000)
    assert mailboxes.store.client.lpop(bell) is None
    mailboxes.publish("m3", delay_ms=500)

    assert mailboxes.store.client.lpop(bell) == b"1"


def test_an_expired_message_that_waits_is_cancelled(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", expires_ms=1000)
    mailboxes.publish("m2")
    mailboxes.advance(999)
    assert mailboxes.sweep() == []

    mailboxes.advance(1)

    assert mailboxes.sweep() == [("m1", "expired")]
    assert mailboxes.ids() == ["m2"]
    assert mailboxes.stats().cancelled == 1


def test_a_message_that_runs_does_not_expire(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", expires_ms=1000)
    running = mailboxes.claim()

    mailboxes.live_through(2000)

    assert mailboxes.sweep() == []
    assert mailboxes.settle(running) == "ok"


def test_a_delayed_message_expires_counted_from_when_it_is_due(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", expires_ms=1000, delay_ms=5000)

    mailboxes.advance(5999)
    assert mailboxes.sweep() == []
    mailboxes.advance(1)

    assert mailboxes.sweep() == [("m1", "expired")]


def test_replies_that_nobody_fetched_leave_nothing(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"reply {number}", "outbox.local.7", queue="outbox.local.3f2a", expires_ms=1000)

    mailboxes.advance(1000)
    mailboxes.sweep()

    mailboxes.assert_nothing_is_left()


def test_what_expires_in_front_frees_what_is_behind_it_for_another_queue(mailboxes: Mailboxes) -> None:
    mailboxes.publish("photo", queue="photo", expires_ms=1000)
    mailboxes.publish("text", queue="text")
    mailboxes.advance(1000)

    mailboxes.sweep()

    assert mailboxes.ids(queues=["text"]) == ["text"]


def test_what_is_sent_for_a_message_that_expires_while_delayed_is_gone(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", delay_ms=60_000, expires_ms=1)
    mailboxes.advance(60_001)

    mailboxes.sweep()

    assert mailboxes.ids() == []
    mailboxes.assert_nothing_is_left()


def test_a_message_is_never_expired_by_its_rate_limit_alone(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=1, burst=1)
    for number in range(3):
        mailboxes.publish(f"m{number}")

    mailboxes.settle(mailboxes.claim())
    mailboxes.live_through(500)
    mailboxes.sweep()

    assert mailboxes.stats().waiting == 2

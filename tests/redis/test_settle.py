"""How attempts end: once, by their token, with all of their effects or none."""

import pytest
from mailboxes import LEASE_MS, End, Mailboxes

from okos.mailbox.delivery import Claimed
from okos.mailbox.effect import Append, Delete, Effect, Publish, Put


def stored(mailboxes: Mailboxes) -> tuple[dict[str, str], dict[str, list[str]]]:
    keys = mailboxes.keys()
    texts = {name[8:]: value for name, value in keys.texts.items() if name.startswith("store:s:")}
    lists = {name[8:]: value for name, value in keys.lists.items() if name.startswith("store:l:")}
    return texts, lists


def every_effect(mailboxes: Mailboxes) -> list[Effect]:
    return [
        Append("turns:7", b"hello", 10, 60_000),
        Put("name:7", b"Ada", 60_000),
        Publish(mailboxes.publication("reply", "outbox.7", queue="outbox.local.1")),
    ]


@pytest.fixture
def running(mailboxes: Mailboxes) -> Claimed:
    """Start the first of two messages of one mailbox."""
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    return mailboxes.claim()


def test_an_ack_ends_a_message_and_lets_the_next_start(mailboxes: Mailboxes, running: Claimed) -> None:
    assert mailboxes.settle(running) == "ok"

    assert mailboxes.record("m1") == {}
    assert mailboxes.ids() == ["m2"]
    assert mailboxes.stats().done == 1


@pytest.mark.parametrize("op", ["ack", "retry", "dead", "release", "unstarted", "defer"])
def test_a_token_ends_one_attempt_and_no_other(mailboxes: Mailboxes, running: Claimed, op: str) -> None:
    assert mailboxes.settle(running, op) == "ok"

    assert mailboxes.settle(running, "ack", effects=every_effect(mailboxes)) == "lost"
    assert stored(mailboxes) == ({}, {})
    assert mailboxes.stats().done == (op == "ack")


def test_a_token_that_was_never_given_ends_nothing(mailboxes: Mailboxes, running: Claimed) -> None:
    forged = running.token.split("-")[0] + "-other"

    assert mailboxes.settle_all(End("m1", forged), End("nobody", forged), End("m2", "")) == ["lost"] * 3
    assert mailboxes.settle(running) == "ok"


@pytest.mark.parametrize("op", ["ack", "retry", "dead", "release", "unstarted", "defer"])
def test_a_repeated_settle_changes_nothing_and_answers_the_same(
    mailboxes: Mailboxes, running: Claimed, op: str
) -> None:
    end = End(running.id, running.token, op, effects=every_effect(mailboxes) if op == "ack" else ())
    first = mailboxes.settle_all(end, End("m2", "forged"), sequence=9)
    before = mailboxes.keys()

    again = mailboxes.settle_all(end, End("m2", "forged"), sequence=9)

    assert again == first == ["ok", "lost"]
    assert mailboxes.keys().hashes == before.hashes
    assert stored(mailboxes) == (
        {k[8:]: v for k, v in before.texts.items() if k.startswith("store:s:")},
        {k[8:]: v for k, v in before.lists.items() if k.startswith("store:l:")},
    )


def test_a_retry_keeps_the_order_and_blocks_its_own_mailbox_only(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.publish("other", "b")

    mailboxes.settle(running, "retry", delay_ms=1000, error="boom", trace="line 1")

    assert mailboxes.ids() == ["other"]
    mailboxes.advance(999)
    assert mailboxes.ids() == []
    mailboxes.advance(1)
    again = mailboxes.claim()
    assert (again.id, again.attempt, again.retries) == ("m1", 2, 1)
    mailboxes.settle(again)
    assert mailboxes.ids() == ["m2"]


def test_a_retry_without_a_wait_starts_again_at_once(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, "retry")

    assert mailboxes.claim().id == "m1"


def test_a_dead_letter_keeps_why_and_frees_its_mailbox(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, "dead", error="ValueError: boom", trace="Traceback …")

    record = mailboxes.record("m1")
    assert record["state"] == "dead"
    assert mailboxes.error("m1") == ("ValueError: boom", "Traceback …")
    assert record["attempts"] == "1"
    assert mailboxes.keys().hashes["body"]["m1"] == "body of m1"
    assert mailboxes.ids() == ["m2"]
    assert (mailboxes.stats().dead, mailboxes.stats().died) == (1, 1)


def test_a_released_message_starts_again_first_uncounted_and_before_other_mailboxes(
    mailboxes: Mailboxes, running: Claimed
) -> None:
    mailboxes.publish("other", "b")

    mailboxes.settle(running, "release")

    again = mailboxes.claim()
    assert (again.id, again.attempt, again.retries, again.stalls) == ("m1", 1, 0, 0)


def test_an_unstarted_message_goes_back_to_the_front_as_if_never_claimed(
    mailboxes: Mailboxes, running: Claimed
) -> None:
    mailboxes.publish("other", "b")

    mailboxes.settle(running, "unstarted")

    assert mailboxes.record("m1")["state"] == "waiting"
    again = mailboxes.claim()
    assert (again.id, again.attempt) == ("m1", 1)


def test_a_message_that_was_retried_and_not_started_again_keeps_its_retries(
    mailboxes: Mailboxes, running: Claimed
) -> None:
    mailboxes.settle(running, "retry")
    mailboxes.settle(mailboxes.claim(), "unstarted")

    again = mailboxes.claim()

    assert (again.id, again.attempt, again.retries) == ("m1", 2, 1)


def test_mailboxes_that_are_given_back_together_keep_their_order(mailboxes: Mailboxes) -> None:
    for box in "abc":
        mailboxes.publish(f"first of {box}", box)
        mailboxes.advance(1)
    started = mailboxes.claim_all().started
    mailboxes.publish("first of d", "d")

    mailboxes.settle_all(*(End(one.id, one.token, "unstarted") for one in started))

    assert mailboxes.ids() == ["first of a", "first of b", "first of c", "first of d"]


def test_a_deferred_message_waits_and_is_not_counted(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, "defer", delay_ms=5000)

    assert mailboxes.ids() == []
    mailboxes.advance(5000)
    again = mailboxes.claim()
    assert (again.id, again.attempt, again.retries) == ("m1", 1, 0)


def test_effects_are_written_with_the_ack(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, effects=every_effect(mailboxes))

    assert stored(mailboxes) == ({"name:7": "Ada"}, {"turns:7": ["hello"]})
    assert mailboxes.ids(queues=["outbox.local.1"]) == ["reply"]


def test_a_list_keeps_its_last_values_only(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, effects=[Append("turns", str(number).encode(), 3, 60_000) for number in range(5)])

    assert stored(mailboxes)[1] == {"turns": ["2", "3", "4"]}


def test_a_value_can_be_replaced_and_deleted(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(
        running,
        effects=[
            Put("a", b"old", 60_000),
            Put("a", b"new", 60_000),
            Put("b", b"gone", 60_000),
            Append("c", b"gone", 5, 60_000),
            Delete("b"),
            Delete("c"),
            Delete("never there"),
        ],
    )

    assert stored(mailboxes) == ({"a": "new"}, {})


def test_everything_stored_has_an_end(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(running, effects=every_effect(mailboxes)[:2])

    for name in ("store:l:turns:7", "store:s:name:7"):
        assert 0 < mailboxes.admin.pttl(mailboxes.store.key(name)) <= 60_000


def test_an_effect_is_accepted_once_however_often_it_is_made(mailboxes: Mailboxes, running: Claimed) -> None:
    effect = Publish(mailboxes.publication("reply", "outbox", queue="outbox"))
    mailboxes.settle(running, effects=[effect, effect])

    mailboxes.settle(mailboxes.claim(), effects=[effect])

    assert mailboxes.ids(queues=["outbox"]) == ["reply"]
    assert mailboxes.stats().accepted == 3


def test_an_effect_passes_a_backlog_for_it_was_promised(mailboxes: Mailboxes, running: Claimed) -> None:
    follow_up = mailboxes.publication("follow-up", "a", max_backlog=1)

    mailboxes.settle(running, effects=[Publish(follow_up)])

    assert mailboxes.stats().accepted == 3


def test_an_effect_may_be_delayed_and_go_to_its_own_mailbox(mailboxes: Mailboxes, running: Claimed) -> None:
    mailboxes.settle(
        running,
        effects=[
            Publish(mailboxes.publication("reminder", "a", delay_ms=1000)),
            Publish(mailboxes.publication("follow-up", "a")),
        ],
    )

    mailboxes.settle(mailboxes.claim())
    assert mailboxes.ids() == ["follow-up"]
    assert mailboxes.stats().delayed == 1


def test_the_effects_of_a_burial_are_written_with_it(mailboxes: Mailboxes, running: Claimed) -> None:
    apology = Publish(mailboxes.publication("apology", "outbox", queue="outbox"))

    mailboxes.settle(running, "dead", error="boom", effects=[apology])

    assert mailboxes.ids(queues=["outbox"]) == ["apology"]


def publish_with_apology(mailboxes: Mailboxes, message_id: str = "m1") -> None:
    apology = mailboxes.publication("prepared apology", "outbox", queue="outbox")
    mailboxes.publish(message_id, on_dead=apology)


def test_the_apology_prepared_at_publish_is_sent_by_whoever_buries(mailboxes: Mailboxes) -> None:
    publish_with_apology(mailboxes)

    mailboxes.settle(mailboxes.claim(), "dead", error="boom")

    assert mailboxes.ids(queues=["outbox"]) == ["prepared apology"]


def test_the_prepared_apology_is_not_sent_when_the_worker_tells(mailboxes: Mailboxes) -> None:
    publish_with_apology(mailboxes)
    told = Publish(mailboxes.publication("told", "outbox", queue="outbox"))

    mailboxes.settle(mailboxes.claim(), "told", error="boom", effects=[told])

    assert mailboxes.ids(queues=["outbox"]) == ["told"]


def test_what_else_is_sent_of_a_failure_does_not_stand_for_the_apology(mailboxes: Mailboxes) -> None:
    sorry = mailboxes.publication("sorry", "outbox", queue="outbox")
    mailboxes.publish("m1", on_dead=sorry)
    counted = Publish(mailboxes.publication("one more failure", "statistics"))

    mailboxes.settle(mailboxes.claim(), "dead", error="boom", effects=[counted])

    assert mailboxes.ids(queues=["outbox"]) == ["sorry"]
    assert mailboxes.ids() == ["one more failure"]


def test_the_prepared_apology_is_not_sent_when_all_goes_well(mailboxes: Mailboxes) -> None:
    publish_with_apology(mailboxes)

    mailboxes.settle(mailboxes.claim())

    assert mailboxes.ids(queues=["outbox"]) == []
    assert mailboxes.stats().accepted == 1


def test_the_prepared_apology_keeps_its_own_options(mailboxes: Mailboxes) -> None:
    body = bytes(range(256))
    apology = mailboxes.publication(
        "sorry", "outbox", queue="outbox", band=0, body=body, delay_ms=1000, dedup_id="d", expires_ms=60_000
    )
    mailboxes.publish("m1", on_dead=apology)
    mailboxes.settle(mailboxes.claim(), "dead", error="boom")
    assert mailboxes.ids(queues=["outbox"]) == []

    mailboxes.advance(1000)

    assert mailboxes.claim(queues=["outbox"]).body == body
    assert mailboxes.publish("again", dedup_id="d") == "seen"


def test_ends_of_a_batch_do_not_touch_each_other(mailboxes: Mailboxes) -> None:
    for box in "abcd":
        mailboxes.publish(f"{box}1", box)
    a, b, c, d = mailboxes.claim_all().started

    outcomes = mailboxes.settle_all(
        End(a.id, a.token, "ack", effects=[Put("a", b"1", 1000)]),
        End(b.id, "forged", "ack", effects=[Put("b", b"1", 1000)]),
        End(c.id, c.token, "retry", 1000, error="boom"),
        End(d.id, d.token, "dead", error="boom"),
    )

    assert outcomes == ["ok", "lost", "ok", "ok"]
    assert stored(mailboxes)[0] == {"a": "1"}
    stats = mailboxes.stats()
    assert (stats.done, stats.running, stats.dead, stats.waiting, stats.retried) == (1, 1, 1, 1, 1)


def test_a_settle_after_the_lease_ran_out_counts_as_long_as_nobody_swept(
    mailboxes: Mailboxes, running: Claimed
) -> None:
    mailboxes.live_through(LEASE_MS + 1)

    assert mailboxes.settle(running) == "ok"
    assert mailboxes.sweep() == []


def test_numbers_add_up(mailboxes: Mailboxes) -> None:
    for number in range(12):
        mailboxes.publish(f"m{number}", f"box {number % 6}", expires_ms=0 if number % 6 != 5 else 10)
    mailboxes.publish("late", delay_ms=50)
    ends = ["ack", "dead", "retry", "release"]
    for one, op in zip(mailboxes.claim_all(n=4).started, ends, strict=True):
        mailboxes.settle(one, op)
    mailboxes.claim()
    mailboxes.advance(20)
    mailboxes.sweep()

    stats = mailboxes.stats()

    assert stats.accepted == 13
    assert stats.cancelled == 2
    assert stats.accepted == stats.waiting + stats.running + stats.done + stats.died + stats.cancelled

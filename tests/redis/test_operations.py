"""What an operator, or a message's own options, do to a mailbox: cancel, replace, pause, limit, requeue, make room."""

from collections.abc import Callable

import pytest
from mailboxes import LEASE_MS, Mailboxes

from okos.mailbox.effect import Put

Open = Callable[..., Mailboxes]


def cancel(mailboxes: Mailboxes, message_id: str) -> str:
    return bytes(mailboxes.store.call("cancel", message_id, "by request")).decode()


def cancel_mailbox(mailboxes: Mailboxes, box: str = "a") -> tuple[int, int]:
    cancelled, flagged = mailboxes.store.call("cancel_mailbox", box, "by request")
    return cancelled, flagged


def own_limits(mailboxes: Mailboxes, box: str, jobs: object = "", rate: object = "", burst: object = "") -> None:
    mailboxes.store.call("limit", box, jobs, rate, burst, "", "")  # type: ignore[arg-type]  # numbers, or '' for none


# -- cancel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"delay_ms": 1000}, {"hold_ms": 1000}, {"expires_ms": 1000}])
def test_a_message_that_waits_is_gone_at_once_and_the_next_may_start(
    mailboxes: Mailboxes, options: dict[str, int]
) -> None:
    mailboxes.publish("m1", **options)  # type: ignore[arg-type]  # fields of Publication
    mailboxes.publish("m2")

    assert cancel(mailboxes, "m1") == "cancelled"

    assert mailboxes.ids() == ["m2"]
    assert mailboxes.stats().cancelled == 1
    assert cancel(mailboxes, "m1") == cancel(mailboxes, "never there") == "ended"


@pytest.mark.parametrize("op", ["ack", "retry", "dead", "release", "unstarted", "defer", "stall"])
def test_whatever_a_cancelled_attempt_comes_to_nothing_of_it_is_written(mailboxes: Mailboxes, op: str) -> None:
    mailboxes.publish("m1", on_dead=mailboxes.publication("sorry", "outbox", queue="outbox"))
    mailboxes.publish("m2")
    running = mailboxes.claim()

    assert cancel(mailboxes, "m1") == "flagged"
    if op == "stall":
        mailboxes.live_through(LEASE_MS)
        mailboxes.sweep()
    else:
        assert mailboxes.settle(running, op, effects=[Put("a", b"1", 1000)]) == "cancelled"

    assert mailboxes.ids() == ["m2"]
    assert not [name for name in mailboxes.keys().texts if name.startswith("store:")]
    stats = mailboxes.stats()
    assert (stats.cancelled, stats.done, stats.died, stats.waiting) == (1, 0, 0, 0)


def test_a_cancelled_attempt_keeps_its_lease_for_a_moment_and_no_longer(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    cancel(mailboxes, "m1")

    mailboxes.live_through(4999, step_ms=1000)
    mailboxes.renew(running)
    mailboxes.sweep()
    assert mailboxes.stats().running == 1
    mailboxes.live_through(1)
    mailboxes.sweep()

    assert mailboxes.stats().cancelled == 1


def test_a_whole_mailbox_is_cancelled_and_what_is_delayed_stays(mailboxes: Mailboxes) -> None:
    for number in range(5):
        mailboxes.publish(f"m{number}", expires_ms=1000 if number % 2 else 0)
    mailboxes.publish("reminder", delay_ms=2000)
    running = mailboxes.claim()

    assert cancel_mailbox(mailboxes) == (4, 1)

    assert mailboxes.settle(running) == "cancelled"
    mailboxes.advance(2000)
    mailboxes.sweep()
    assert mailboxes.ids() == ["reminder"]
    stats = mailboxes.stats()
    assert (stats.accepted, stats.cancelled, stats.running, stats.waiting) == (6, 5, 1, 0)


def test_messages_of_a_cancelled_mailbox_are_not_accepted_again(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    cancel_mailbox(mailboxes)
    assert mailboxes.publish("m1") == "seen"

    mailboxes.sweep()

    assert mailboxes.publish("m1") == "seen"
    assert mailboxes.publish("m2") == "new"


def test_a_large_mailbox_is_cancelled_at_once_and_deleted_in_pieces(mailboxes: Mailboxes) -> None:
    for number in range(600):
        mailboxes.publish(f"m{number}")

    assert cancel_mailbox(mailboxes) == (600, 0)

    assert mailboxes.stats().waiting == 0
    for _ in range(4):
        mailboxes.sweep()
    mailboxes.claim_all()
    mailboxes.assert_nothing_is_left()


# -- replace -------------------------------------------------------------------------------------------------------


def test_what_has_never_started_can_be_replaced(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")

    assert mailboxes.store.call("replace", "m2", b"edited") == 1

    mailboxes.settle(mailboxes.claim())
    assert mailboxes.claim().body == b"edited"
    assert mailboxes.store.call("replace", "m2", b"too late") == 0


# -- pause ---------------------------------------------------------------------------------------------------------


def test_a_paused_mailbox_starts_nothing_and_goes_on_when_it_is_resumed(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    assert mailboxes.store.call("pause", "a", "pause") == 1
    mailboxes.publish("m2")
    mailboxes.publish("other", "b")
    mailboxes.settle(running)

    assert mailboxes.ids() == ["other"]
    assert mailboxes.store.call("pause", "a", "resume") == 1

    assert mailboxes.ids() == ["m2"]


def test_when_all_are_paused_nothing_starts(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.store.call("pause", "", "pause")
    assert mailboxes.ids() == []

    mailboxes.store.call("pause", "", "resume")

    assert mailboxes.ids() == ["m1"]


# -- limit ---------------------------------------------------------------------------------------------------------


def test_a_mailbox_may_have_limits_of_its_own(mailboxes: Mailboxes) -> None:
    own_limits(mailboxes, "a", jobs=2)
    for number in range(3):
        mailboxes.publish(f"a{number}", "a")
        mailboxes.publish(f"b{number}", "b")

    assert sorted(mailboxes.ids() + mailboxes.ids()) == ["a0", "a1", "b0"]
    own_limits(mailboxes, "a")
    assert "override" not in mailboxes.keys().hashes


def test_a_higher_rate_of_its_own_lets_a_mailbox_start_at_once(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(rate=0.001, burst=1)
    for number in range(3):
        mailboxes.publish(f"m{number}")
    mailboxes.settle(mailboxes.claim())
    assert mailboxes.ids() == []
    mailboxes.advance(1)

    own_limits(mailboxes, "a", rate=1000, burst=5)

    mailboxes.settle(mailboxes.claim())
    assert mailboxes.claim().id == "m2"
    own_limits(mailboxes, "a")


def test_a_higher_rate_for_everybody_is_honoured_within_a_sweep(mailboxes: Mailboxes) -> None:
    mailboxes.store.call("limit", "", 1, 0.001, 1, "", "")
    for number in range(2):
        mailboxes.publish(f"m{number}")
    mailboxes.settle(mailboxes.claim())
    assert mailboxes.ids() == []

    mailboxes.store.call("limit", "", 1, 1000, 5, "", "")
    mailboxes.advance(1000)
    mailboxes.sweep()

    assert mailboxes.ids() == ["m1"]
    mailboxes.store.call("limit", "", 1, 0, 1, "", "")


def everybody_together(mailboxes: Mailboxes, rate: float, burst: int) -> None:
    mailboxes.store.call("limit", "", 1, 0, 1, rate, burst)


def test_a_limit_of_all_together_keeps_the_turn_of_who_must_wait(mailboxes: Mailboxes) -> None:
    everybody_together(mailboxes, 1, 2)
    for number in range(5):
        mailboxes.publish(f"m{number}", f"box {number}")
        mailboxes.advance(1)

    assert mailboxes.ids() == ["m0", "m1"]
    waiting = mailboxes.claim_all()
    assert (waiting.started, waiting.due_ms) == ((), 1000)
    mailboxes.advance(1000)
    assert mailboxes.ids() == ["m2"]
    mailboxes.advance(2000)
    assert mailboxes.ids() == ["m3", "m4"]
    everybody_together(mailboxes, 0, 1)


@pytest.mark.parametrize("op", ["retry", "release", "unstarted", "defer"])
def test_a_limit_of_all_together_does_not_charge_for_running_again(mailboxes: Mailboxes, op: str) -> None:
    everybody_together(mailboxes, 1, 2)
    mailboxes.publish("m0", "a")
    mailboxes.publish("m1", "b")
    first, _ = mailboxes.claim_all().started
    mailboxes.settle(first, op)

    again = mailboxes.ids()

    everybody_together(mailboxes, 0, 1)
    assert again == ["m0"]


# -- requeue -------------------------------------------------------------------------------------------------------


def test_a_dead_letter_has_another_life_at_the_tail_once_even_if_asked_twice(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", on_dead=mailboxes.publication("sorry", "outbox", queue="outbox"))
    mailboxes.settle(mailboxes.claim(), "dead", error="boom")
    mailboxes.publish("m2")

    assert mailboxes.store.call("requeue", "m1", "m1", "never there") == 1
    assert mailboxes.store.call("requeue", "m1") == 0

    mailboxes.settle(second := mailboxes.claim())
    again = mailboxes.claim()
    assert (second.id, again.id, again.attempt, again.retries, again.stalls) == ("m2", "m1", 1, 0, 0)
    mailboxes.settle(again, "dead", error="boom again")
    assert sorted(mailboxes.ids(queues=["outbox"]) + mailboxes.ids(queues=["outbox"])) == ["sorry"]
    stats = mailboxes.stats()
    assert stats.accepted + stats.requeued == stats.waiting + stats.running + stats.done + stats.died


# -- making room ---------------------------------------------------------------------------------------------------


def test_a_full_mailbox_may_drop_its_oldest_that_has_not_started(mailboxes: Mailboxes) -> None:
    for number in range(4):
        mailboxes.publish(f"m{number}", max_backlog=3, on_full="drop_oldest")
        if number == 0:
            running = mailboxes.claim()

    mailboxes.settle(running)
    mailboxes.settle(second := mailboxes.claim())

    assert (second.id, mailboxes.claim().id) == ("m2", "m3")
    assert mailboxes.stats().cancelled == 1


def test_when_the_dropped_one_was_held_the_next_starts_at_once(mailboxes: Mailboxes) -> None:
    mailboxes.publish("held", hold_ms=600_000)
    mailboxes.publish("m1")
    assert mailboxes.ids() == []

    mailboxes.publish("m2", max_backlog=2, on_full="drop_oldest")

    assert mailboxes.ids() == ["m1"]


@pytest.mark.parametrize("on_full", ["reject", "drop_oldest", "coalesce"])
def test_what_is_for_later_finds_no_mailbox_full_neither_now_nor_when_it_joins(
    mailboxes: Mailboxes, on_full: str
) -> None:
    mailboxes.publish("m1", on_full=on_full, actor="answer")

    sent = mailboxes.publish("later", delay_ms=1000, max_backlog=1, on_full=on_full, actor="answer")
    mailboxes.advance(1000)

    assert sent == "new"
    for _ in range(2):
        mailboxes.settle(mailboxes.claim())
    assert mailboxes.stats().done == 2


def test_the_latest_wins_over_what_waits_and_what_runs(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}")
    running = mailboxes.claim()

    mailboxes.publish("latest", latest_wins=True)

    assert mailboxes.settle(running) == "cancelled"
    assert mailboxes.claim().id == "latest"
    assert mailboxes.stats().cancelled == 3


def test_the_latest_wins_once(mailboxes: Mailboxes) -> None:
    mailboxes.publish("latest", latest_wins=True)
    mailboxes.publish("after")

    assert mailboxes.publish("latest", latest_wins=True) == "seen"

    assert mailboxes.stats().cancelled == 0


# -- what was wider before -----------------------------------------------------------------------------------------


def test_all_that_runs_is_flagged_even_when_the_window_has_become_narrower(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=2)
    for number in range(3):
        mailboxes.publish(f"m{number}")
    running = [mailboxes.claim(), mailboxes.claim()]
    mailboxes.limit(jobs=1)

    assert cancel_mailbox(mailboxes) == (1, 2)

    assert [mailboxes.settle(one) for one in running] == ["cancelled", "cancelled"]
    stats = mailboxes.stats()
    assert (stats.cancelled, stats.done, stats.waiting, stats.running) == (3, 0, 0, 0)


def test_what_was_cancelled_whole_takes_no_replacement(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    assert mailboxes.store.call("replace", "m2", b"another body") == 1
    cancel_mailbox(mailboxes)

    assert mailboxes.store.call("replace", "m2", b"a third body") == 0

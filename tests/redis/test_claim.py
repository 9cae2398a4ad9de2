"""Who starts next: order inside a mailbox, fairness among mailboxes."""

from collections.abc import Callable

import pytest
from mailboxes import LEASE_MS, End, Mailboxes

Open = Callable[..., Mailboxes]


def test_one_message_of_a_mailbox_runs_at_a_time(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}")

    assert mailboxes.ids() == ["m0"]
    assert mailboxes.ids("another worker") == []


def test_mailboxes_run_side_by_side_in_the_order_in_which_they_became_ready(mailboxes: Mailboxes) -> None:
    for box in ("c", "a", "b"):
        mailboxes.publish(f"first of {box}", box)
        mailboxes.publish(f"second of {box}", box)
        mailboxes.advance(1)

    assert mailboxes.ids() == ["first of c", "first of a", "first of b"]


def test_a_claim_starts_no_more_than_it_is_asked_for(mailboxes: Mailboxes) -> None:
    for number in range(5):
        mailboxes.publish(f"m{number}", f"box {number}")

    claim = mailboxes.claim_all(n=3)

    assert len(claim.started) == 3
    assert claim.is_work_left


def test_a_claim_takes_no_more_bytes_than_it_may_but_always_one_message(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}", f"box {number}", body=b"x" * 1000)

    assert len(mailboxes.ids(most_bytes=10)) == 1
    assert len(mailboxes.ids(most_bytes=1001)) == 2


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_a_window_lets_as_many_run_as_it_is_wide_in_order(open_mailboxes: Open, jobs: int) -> None:
    mailboxes = open_mailboxes(jobs=jobs)
    for number in range(5):
        mailboxes.publish(f"m{number}")

    started = [mailboxes.ids(n=1) for _ in range(5)]

    assert [ids[0] for ids in started if ids] == [f"m{number}" for number in range(jobs)]


def test_a_window_opens_at_its_end_only_when_its_first_message_has_ended(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=2)
    for number in range(4):
        mailboxes.publish(f"m{number}")
    first, second = mailboxes.claim(), mailboxes.claim()

    mailboxes.settle(second)
    assert mailboxes.ids() == ["m2"]
    mailboxes.settle(first)

    assert mailboxes.ids() == ["m3"]


def test_in_a_window_a_message_never_starts_before_an_older_one_has_started(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=3)
    mailboxes.publish("held", hold_ms=1000)
    mailboxes.publish("m2")

    assert mailboxes.ids() == []
    mailboxes.advance(1000)

    assert [mailboxes.claim().id, mailboxes.claim().id] == ["held", "m2"]


def test_a_strict_message_runs_alone_however_wide_the_window_is(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=3)
    for number in range(3):
        mailboxes.publish(f"reply{number}", "outbox", strict=True)
        mailboxes.publish(f"turn{number}", "turns")

    first = [*mailboxes.claim_all().started, *mailboxes.claim_all().started, *mailboxes.claim_all().started]
    assert [one.id for one in first] == ["reply0", "turn0", "turn1", "turn2"]
    mailboxes.settle(first[0])

    assert mailboxes.ids() == ["reply1"]
    assert mailboxes.ids() == []


def test_a_strict_message_waits_for_all_before_it_and_all_behind_wait_for_it(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=3)
    for name in ("m1", "m2", "strict", "m4", "m5"):
        mailboxes.publish(name, strict=name == "strict")

    first, second = mailboxes.claim(), mailboxes.claim()
    assert (first.id, second.id) == ("m1", "m2")
    mailboxes.settle(second)
    assert mailboxes.ids() == []
    mailboxes.settle(first, "retry", delay_ms=1000)
    assert mailboxes.ids() == []
    mailboxes.advance(1000)
    mailboxes.settle(mailboxes.claim())
    strict = mailboxes.claim_all().started
    assert [one.id for one in strict] == ["strict"]
    mailboxes.settle(strict[0], "retry", delay_ms=1000)
    assert mailboxes.ids() == []
    mailboxes.advance(1000)
    mailboxes.settle(mailboxes.claim())

    assert [*mailboxes.ids(), *mailboxes.ids()] == ["m4", "m5"]


def test_in_a_window_a_message_in_backoff_keeps_its_place_and_lets_the_next_start(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=2)
    for number in range(3):
        mailboxes.publish(f"m{number}")
    mailboxes.settle(mailboxes.claim(), "retry", delay_ms=1000)

    assert [mailboxes.ids(n=1), mailboxes.ids(n=1)] == [["m1"], []]
    mailboxes.advance(1000)

    assert mailboxes.ids() == ["m0"]


def test_in_a_window_a_backoff_ends_for_one_queue_while_another_queue_s_message_is_ready(open_mailboxes: Open) -> None:
    mailboxes = open_mailboxes(jobs=2)
    mailboxes.publish("text", queue="text")
    mailboxes.publish("photo", queue="photo")
    mailboxes.settle(mailboxes.claim(queues=["text"]), "retry", delay_ms=1000)

    mailboxes.advance(1000)

    assert mailboxes.ids(queues=["text"]) == ["text"]


def test_a_repeated_claim_returns_what_it_had_started(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}", f"box {number}")
    first = mailboxes.claim_all(n=2, sequence=77)

    again = mailboxes.claim_all(n=2, sequence=77)

    assert again.started == first.started
    assert mailboxes.stats().running == 2


def test_a_repeated_claim_leaves_out_what_it_no_longer_holds(mailboxes: Mailboxes) -> None:
    for number in range(2):
        mailboxes.publish(f"m{number}", f"box {number}")
    lost, held = mailboxes.claim_all(sequence=77).started
    mailboxes.settle(lost)

    assert mailboxes.claim_all(sequence=77).started == (held,)


def test_a_repeated_claim_counts_its_lease_anew(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.claim_all(sequence=77)
    mailboxes.live_through(LEASE_MS - 1)

    mailboxes.claim_all(sequence=77)
    mailboxes.live_through(LEASE_MS - 1)

    assert mailboxes.sweep() == []


def test_two_workers_may_use_the_same_sequence(mailboxes: Mailboxes) -> None:
    for number in range(2):
        mailboxes.publish(f"m{number}", f"box {number}")

    assert mailboxes.ids("one", 1, sequence=5) == ["m0"]
    assert mailboxes.ids("two", 1, sequence=5) == ["m1"]


def test_a_worker_claims_only_for_the_queues_that_it_serves(mailboxes: Mailboxes) -> None:
    mailboxes.publish("text", "a", queue="text")
    mailboxes.publish("reply", "b", queue="outbox.local")

    assert mailboxes.ids(queues=["text", "photo"]) == ["text"]
    assert mailboxes.ids(queues=["photo"]) == []


def test_one_mailbox_may_mix_queues_and_keeps_its_order(mailboxes: Mailboxes) -> None:
    for number, queue in enumerate(["text", "photo", "text"]):
        mailboxes.publish(f"m{number}", queue=queue)

    assert mailboxes.ids("photo worker", queues=["photo"]) == []
    mailboxes.settle(mailboxes.claim(queues=["text"]))
    assert mailboxes.ids(queues=["text"]) == []
    mailboxes.settle(mailboxes.claim("photo worker", queues=["photo"]), claimer="photo worker")

    assert mailboxes.ids(queues=["text"]) == ["m2"]


def test_several_queues_are_served_in_turn(mailboxes: Mailboxes) -> None:
    for number in range(40):
        mailboxes.publish(f"text {number}", f"text box {number}", queue="text")
    for number in range(40):
        mailboxes.publish(f"photo {number}", f"photo box {number}", queue="photo")

    first_half = mailboxes.ids(n=40, queues=["text", "photo"])

    assert sum(name.startswith("photo") for name in first_half) == 20


@pytest.mark.parametrize("n", [1, 2, 3, 8, 16])
def test_every_band_gets_its_share_and_none_starves(mailboxes: Mailboxes, n: int) -> None:
    bands = {"high": 0, "normal": 1, "low": 2}
    for name, band in bands.items():
        for number in range(200):
            mailboxes.publish(f"{name} {number}", f"{name} box {number}", band=band)

    started: list[str] = []
    while len(started) < 160:
        ids = mailboxes.ids(n=n)
        assert ids
        started += [message_id.split()[0] for message_id in ids]

    share = {name: started.count(name) / len(started) for name in bands}
    assert share["high"] > share["normal"] > share["low"] > 0.05


def test_every_band_gets_its_share_when_large_bodies_let_a_claim_take_one_only(mailboxes: Mailboxes) -> None:
    bands = {"high": 0, "normal": 1, "low": 2}
    for name, band in bands.items():
        for number in range(50):
            mailboxes.publish(f"{name} {number}", f"{name} box {number}", band=band)

    started = [mailboxes.ids(n=8, most_bytes=1)[0].split()[0] for _ in range(40)]

    share = {name: started.count(name) / len(started) for name in bands}
    assert share["high"] > share["normal"] > share["low"] > 0.05


def test_a_message_of_a_higher_band_does_not_overtake_in_its_own_mailbox(mailboxes: Mailboxes) -> None:
    mailboxes.publish("low", band=2)
    mailboxes.publish("high", band=0)

    mailboxes.settle(low := mailboxes.claim())

    assert (low.id, mailboxes.claim().id) == ("low", "high")


def test_a_mailbox_with_much_waiting_lets_all_others_start_within_one_turn(mailboxes: Mailboxes) -> None:
    for number in range(100):
        mailboxes.publish(f"m{number}", "busy")
    for number in range(10):
        mailboxes.publish(f"quiet {number}", f"quiet box {number}")
    quiet = [f"quiet box {number}" for number in range(10)]
    mailboxes.advance(1)  # within one millisecond the ring goes by name

    started = []
    for _ in range(11):
        one = mailboxes.claim()
        started.append(one.mailbox)
        mailboxes.settle(one)
        mailboxes.advance(1)

    assert sorted(started) == ["busy", *quiet]


def test_a_worker_learns_how_long_a_message_has_waited(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")

    mailboxes.advance(1234)

    assert mailboxes.claim().waited_ms == 1234


def test_a_claim_that_leaves_ready_work_rings_the_bell_for_it(mailboxes: Mailboxes) -> None:
    for number in range(2):
        mailboxes.publish(f"m{number}", f"box {number}")
    bell = mailboxes.store.key("bell:q")
    mailboxes.store.client.delete(bell)

    mailboxes.claim()

    assert mailboxes.store.client.lpop(bell) == b"1"


def test_a_token_is_never_given_twice(mailboxes: Mailboxes) -> None:
    tokens = set()
    for number in range(30):
        mailboxes.publish(f"m{number}", f"box {number % 4}")
        for one in mailboxes.claim_all().started:
            assert one.token not in tokens
            tokens.add(one.token)
            mailboxes.settle(one, "retry" if number % 3 == 0 else "ack")


def test_a_batch_is_settled_and_its_mailboxes_go_on_at_once(mailboxes: Mailboxes) -> None:
    for box in "abc":
        mailboxes.publish(f"{box}1", box)
        mailboxes.publish(f"{box}2", box)
    started = mailboxes.claim_all().started

    mailboxes.settle_all(*(End(one.id, one.token) for one in started))

    assert sorted(mailboxes.ids()) == ["a2", "b2", "c2"]

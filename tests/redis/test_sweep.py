"""What is found when somebody does not come back."""

import pytest
from mailboxes import LEASE_MS, Mailboxes

#: After an outage nobody's lease ends for this long.
GRACE_MS = 2 * LEASE_MS // 3 + 3500


@pytest.mark.parametrize(
    ("after_ms", "found"),
    [(0, []), (1, []), (LEASE_MS - 1, []), (LEASE_MS, [("m1", "stalled")]), (LEASE_MS + 1, [("m1", "stalled")])],
)
def test_an_attempt_stalls_when_its_lease_has_run_out_and_not_before(
    mailboxes: Mailboxes, after_ms: int, found: list[tuple[str, str]]
) -> None:
    mailboxes.publish("m1")
    mailboxes.claim()

    mailboxes.live_through(after_ms)

    assert mailboxes.sweep() == found


def test_a_renewed_attempt_does_not_stall(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()

    for _ in range(30):
        mailboxes.live_through(LEASE_MS // 3)
        assert mailboxes.renew(running) == []
        assert mailboxes.sweep() == []

    assert mailboxes.settle(running) == "ok"


def test_a_stalled_message_starts_again_first_and_its_old_token_counts_no_more(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    old = mailboxes.claim("frozen worker")
    mailboxes.live_through(LEASE_MS)
    mailboxes.publish("other", "b")
    mailboxes.sweep()

    new = mailboxes.claim()

    assert (new.id, new.attempt, new.retries, new.stalls) == ("m1", 2, 0, 1)
    assert mailboxes.renew(old, claimer="frozen worker") == ["m1"]
    assert mailboxes.settle(old, claimer="frozen worker") == "lost"
    assert mailboxes.settle(new) == "ok"
    assert mailboxes.stats().done == 1


def test_a_stalled_message_is_renewable_until_it_is_swept(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    mailboxes.live_through(LEASE_MS + 1)

    assert mailboxes.renew(running) == []

    assert mailboxes.sweep() == []


def test_nobody_behind_a_stalled_message_starts_before_it_has_ended(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    mailboxes.claim()
    mailboxes.live_through(LEASE_MS)

    mailboxes.sweep()

    assert mailboxes.ids() == ["m1"]


def test_what_was_to_be_cancelled_and_never_came_back_is_told_and_frees_the_one_behind_it(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2")
    mailboxes.claim()
    mailboxes.store.call("cancel", "m1", "by request")
    mailboxes.live_through(LEASE_MS)

    assert mailboxes.sweep() == [("m1", "cancelled")]
    assert mailboxes.ids() == ["m2"]


def stall(mailboxes: Mailboxes, message_id: str) -> list[tuple[str, str]]:
    assert message_id in mailboxes.ids()
    mailboxes.live_through(LEASE_MS)
    return mailboxes.sweep()


def test_a_message_that_stalls_twice_is_buried_and_told(mailboxes: Mailboxes) -> None:
    apology = mailboxes.publication("apology", "outbox", queue="outbox")
    mailboxes.publish("poison", on_dead=apology)
    mailboxes.publish("m2")

    assert stall(mailboxes, "poison") == [("poison", "stalled")]
    assert stall(mailboxes, "poison") == [("poison", "dead")]

    record = mailboxes.record("poison")
    assert record["state"] == "dead"
    assert mailboxes.error("poison")[0].startswith("stalled: ")
    assert record["attempts"] == record["stalls"] == "2"
    assert mailboxes.ids() == ["m2"]
    assert mailboxes.ids(queues=["outbox"]) == ["apology"]
    assert (mailboxes.stats().died, mailboxes.stats().stalled) == (1, 2)


def test_max_stalls_says_how_often(mailboxes: Mailboxes) -> None:
    mailboxes.max_stalls = 3
    mailboxes.publish("poison")

    outcomes = [stall(mailboxes, "poison")[0][1] for _ in range(4)]

    assert outcomes == ["stalled", "stalled", "stalled", "dead"]


def test_what_died_with_others_before_it_is_a_suspect_buries_nobody(mailboxes: Mailboxes) -> None:
    mailboxes.max_stalls = 2
    for number in range(4):
        mailboxes.publish(f"m{number}", f"box {number}")

    together = []
    for _ in range(2):
        mailboxes.claim_all("killed worker")
        mailboxes.live_through(LEASE_MS)
        together += [what for _, what in mailboxes.sweep()]
    (suspect,) = mailboxes.claim_all("killed worker").started
    mailboxes.live_through(LEASE_MS)

    assert together == ["stalled"] * 8
    assert mailboxes.sweep() == [(suspect.id, "dead")]


def test_a_message_may_have_a_patience_of_its_own(mailboxes: Mailboxes) -> None:
    mailboxes.max_stalls = 3
    mailboxes.publish("reply", max_stalls=11)
    mailboxes.publish("fragile", "b", max_stalls=1)

    found = []
    for _ in range(2):
        assert "fragile" in mailboxes.ids()
        mailboxes.live_through(LEASE_MS)
        found += mailboxes.sweep()
    outcomes = [stall(mailboxes, "reply")[0][1] for _ in range(10)]

    assert sorted(found) == [("fragile", "dead"), ("fragile", "stalled"), ("reply", "stalled"), ("reply", "stalled")]
    assert outcomes == ["stalled"] * 9 + ["dead"]


def test_a_message_is_a_suspect_by_its_own_patience(mailboxes: Mailboxes) -> None:
    mailboxes.publish("reply", max_stalls=2)
    stall(mailboxes, "reply")
    first = mailboxes.claim()
    mailboxes.live_through(LEASE_MS)
    mailboxes.sweep()

    assert (first.suspect, mailboxes.claim().suspect) == (False, True)


def test_its_own_patience_outlives_a_requeue(mailboxes: Mailboxes) -> None:
    mailboxes.publish("fragile", max_stalls=1)
    mailboxes.max_stalls = 5
    for _ in range(2):
        stall(mailboxes, "fragile")
    mailboxes.store.call("requeue", "fragile")

    assert [stall(mailboxes, "fragile")[0][1] for _ in range(2)] == ["stalled", "dead"]


def test_a_worker_holds_one_suspect_at_a_time(mailboxes: Mailboxes) -> None:
    for number in range(4):
        mailboxes.publish(f"m{number}", f"box {number}")
    mailboxes.claim_all("killed worker")
    mailboxes.live_through(LEASE_MS)
    mailboxes.sweep()
    mailboxes.publish("innocent", "z")

    first = mailboxes.claim_all("one").started
    second = mailboxes.claim_all("one", may_suspect=False).started
    third = mailboxes.claim_all("two").started

    assert [(one.id, one.suspect) for one in first] == [("m0", True), ("innocent", False)]
    assert second == ()
    assert [one.id for one in third] == ["m1"]


def test_suspects_that_are_passed_over_keep_their_place_and_all_run(mailboxes: Mailboxes) -> None:
    for number in range(5):
        mailboxes.publish(f"m{number}", f"box {number}")
    mailboxes.claim_all("killed worker")
    mailboxes.live_through(LEASE_MS)
    mailboxes.sweep()

    finished = []
    for _ in range(5):
        (one,) = mailboxes.claim_all().started
        finished.append(one.id)
        mailboxes.settle(one)

    assert sorted(finished) == [f"m{number}" for number in range(5)]


def test_a_poison_message_buries_no_innocent(mailboxes: Mailboxes) -> None:
    for number in range(8):
        mailboxes.publish(f"m{number}", f"box {number}")

    dead = []
    for _ in range(20):
        started = mailboxes.claim_all(n=8).started
        if not started:
            break
        if any(one.id == "m3" for one in started):
            mailboxes.live_through(LEASE_MS)  # its worker dies, and everything that it holds stalls
            dead += [message_id for message_id, what in mailboxes.sweep() if what == "dead"]
        else:
            for one in started:
                mailboxes.settle(one)

    assert dead == ["m3"]
    assert mailboxes.stats().done == 7


def test_a_message_that_is_retried_stays_a_suspect(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    stall(mailboxes, "m1")
    mailboxes.settle(mailboxes.claim(), "retry")

    assert mailboxes.claim().suspect


def test_after_an_outage_no_lease_ends_until_everybody_had_time_to_come_back(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    mailboxes.renew(running)

    mailboxes.advance(10 * LEASE_MS)

    assert mailboxes.sweep() == []
    mailboxes.live_through(GRACE_MS - 1)
    assert mailboxes.sweep() == []
    assert mailboxes.renew(running) == []
    mailboxes.live_through(1)
    assert mailboxes.sweep() == []


def test_what_does_not_come_back_from_an_outage_stalls_when_the_grace_is_over(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.renew(mailboxes.claim())
    mailboxes.advance(10 * LEASE_MS)
    mailboxes.sweep()

    mailboxes.live_through(GRACE_MS)

    assert mailboxes.sweep() == [("m1", "stalled")]


@pytest.mark.parametrize(("gap_ms", "is_outage"), [(LEASE_MS // 3, False), (LEASE_MS // 3 + 1, True)])
def test_an_outage_is_a_third_of_the_lease_without_a_sign_of_anyone(
    mailboxes: Mailboxes,
    gap_ms: int,
    is_outage: bool,  # noqa: FBT001  # a parameter of the example
) -> None:
    mailboxes.publish("m1")
    mailboxes.renew(mailboxes.claim())
    mailboxes.live_through(LEASE_MS - gap_ms)

    mailboxes.advance(gap_ms)

    assert (mailboxes.sweep() == []) is is_outage


def test_a_clock_that_goes_back_moves_no_lease(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("m2", "b", delay_ms=1000)
    mailboxes.claim()

    mailboxes.advance(-3_600_000)
    assert mailboxes.sweep() == []
    mailboxes.live_through(1000)

    assert mailboxes.ids() == ["m2"]
    mailboxes.live_through(LEASE_MS)
    assert ("m1", "stalled") in mailboxes.sweep()


def test_one_worker_sweeps_while_its_turn_lasts(mailboxes: Mailboxes) -> None:
    def sweep(worker: str) -> int:
        reply = mailboxes.store.call("sweep", worker, 60_000, 2, 1000, 1000, 1000, LEASE_MS)
        return int(reply[0])

    assert [sweep("one"), sweep("two"), sweep("one")] == [1, 0, 1]
    mailboxes.store.call("leave", "one")
    assert sweep("two") == 1


def test_when_the_clock_goes_back_nobody_s_turn_to_sweep_outlives_it(mailboxes: Mailboxes) -> None:
    def sweep(worker: str) -> int:
        reply = mailboxes.store.call("sweep", worker, 60_000, 2, 1000, 1000, 1000, LEASE_MS)
        return int(reply[0])

    assert sweep("gone") == 1
    mailboxes.advance(-3_600_000)

    assert [sweep("two"), sweep("three"), sweep("two")] == [1, 0, 1]
    mailboxes.store.call("leave", "two")


def test_a_sweep_brings_back_what_is_due_when_no_worker_asks(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1", delay_ms=1000)
    mailboxes.store.client.delete(mailboxes.store.key("bell:q"))
    mailboxes.advance(1000)

    mailboxes.sweep()

    assert mailboxes.store.client.lpop(mailboxes.store.key("bell:q")) == b"1"


def test_more_stalls_than_one_sweep_takes_are_found_by_the_next(mailboxes: Mailboxes) -> None:
    for number in range(100):
        mailboxes.publish(f"m{number}", f"box {number}")
    mailboxes.claim_all()
    mailboxes.claim_all()
    mailboxes.live_through(LEASE_MS)

    assert [len(mailboxes.sweep()), len(mailboxes.sweep()), len(mailboxes.sweep())] == [64, 36, 0]


def test_a_worker_that_is_long_gone_is_no_longer_listed(mailboxes: Mailboxes) -> None:
    mailboxes.renew(claimer="gone")
    mailboxes.live_through(LEASE_MS * 4 + 60_000)

    mailboxes.sweep()

    assert mailboxes.keys().scores.get("procs", {}) == {}


def test_a_worker_that_says_goodbye_is_not_listed(mailboxes: Mailboxes) -> None:
    mailboxes.renew(claimer="leaving")

    mailboxes.store.call("leave", "leaving")

    keys = mailboxes.keys()
    assert "procs" not in keys.scores
    assert "proc:leaving" not in keys.hashes

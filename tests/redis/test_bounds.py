"""What one call does at most, and that nothing is passed over for ever because of that."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from mailboxes import LEASE_MS, End, Mailboxes
from test_exchange import exchange

if TYPE_CHECKING:
    from redis import Redis


def suspects(mailboxes: Mailboxes, count: int) -> None:
    """Let so many messages be suspects, each of a mailbox of its own."""
    for number in range(count):
        mailboxes.publish(f"m{number}", f"box {number}")
    mailboxes.claim_all("killed worker", count)
    mailboxes.live_through(LEASE_MS)
    while mailboxes.sweep():
        pass


def test_what_is_superseded_again_and_again_is_deleted_as_fast(mailboxes: Mailboxes) -> None:
    for number in range(1000):
        mailboxes.publish(f"m{number}", latest_wins=True, hold_ms=100)

    sweeps, left = 0, 1
    while left:
        mailboxes.sweep()
        sweeps, left = sweeps + 1, mailboxes.is_more

    assert sweeps == 4
    assert [name for name in mailboxes.keys().hashes if name.startswith("msg:")] == ["msg:m999"]
    assert not [name for name in mailboxes.keys().lists if name.startswith("trash")]


@pytest.mark.parametrize("queues", [2, 3, 4, 8])
def test_no_band_of_any_queue_starves(mailboxes: Mailboxes, queues: int) -> None:
    names = [f"q{number}" for number in range(queues)]
    served: Counter[tuple[str, int]] = Counter()
    for turn in range(60):
        for queue in names:
            for band in range(3):
                mailboxes.publish(f"{turn}.{queue}.{band}", f"{turn}.{queue}.{band}", queue=queue, band=band)
    for _ in range(60):
        started = mailboxes.claim_all(n=queues, queues=names).started
        mailboxes.settle_all(*(End(one.id, one.token) for one in started))
        served.update((one.mailbox.split(".")[1], int(one.mailbox.split(".")[2])) for one in started)

    assert set(served) == {(queue, band) for queue in names for band in range(3)}
    for band in range(3):
        shares = [served[queue, band] for queue in names]
        assert max(shares) - min(shares) <= 8


def test_who_meets_nothing_but_suspects_looks_again_later_and_does_not_spin(mailboxes: Mailboxes) -> None:
    suspects(mailboxes, 200)
    held = mailboxes.claim_all("one", 1).started

    claim = mailboxes.claim_all("one", 7, may_suspect=False)

    assert [one.suspect for one in held] == [True]
    assert (claim.started, claim.is_work_left) == ((), False)
    assert 0 < claim.due_ms <= 1000


def test_who_takes_a_suspect_rings_for_the_next(mailboxes: Mailboxes) -> None:
    suspects(mailboxes, 3)
    mailboxes.admin.delete(mailboxes.store.key("bell:q"))

    first = mailboxes.claim_all("one")
    rung = mailboxes.admin.delete(mailboxes.store.key("bell:q"))
    second = mailboxes.claim_all("one", may_suspect=False)
    rung_in_vain = mailboxes.admin.delete(mailboxes.store.key("bell:q"))

    assert (len(first.started), rung) == (1, 1)
    assert (second.started, rung_in_vain) == ((), 0)


def test_a_mailbox_that_cannot_be_read_costs_no_delayed_message_and_no_settle(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("later", "broken", delay_ms=1000)
    mailboxes.admin.set(mailboxes.store.key("box:broken"), "no list")
    running = mailboxes.claim()
    mailboxes.publish("m2", "b")
    mailboxes.advance(1000)

    settled, started = exchange(mailboxes, [running.id, running.token, "done"])

    assert (settled, [one.id for one in started]) == (["ok"], ["m2"])
    assert mailboxes.record("later")["state"] == "delayed"
    mailboxes.admin.delete(mailboxes.store.key("box:broken"))
    mailboxes.live_through(60_000)
    assert "later" in mailboxes.ids()


def test_a_claim_that_cannot_be_made_leaves_the_settle_beside_it_done(mailboxes: Mailboxes) -> None:
    mailboxes.publish("m1")
    running = mailboxes.claim()
    mailboxes.publish("m2", "b")
    mailboxes.admin.hset(mailboxes.store.key("delayed"), "no", "zset")

    settled, started = exchange(mailboxes, [running.id, running.token, "done"])

    assert (settled, started) == (["ok"], [])
    mailboxes.admin.delete(mailboxes.store.key("delayed"))
    assert mailboxes.stats().done == 1
    assert mailboxes.ids() == ["m2"]


def test_a_cancelled_message_is_looked_for_in_its_mailbox_once(mailboxes: Mailboxes, admin: Redis) -> None:
    mailboxes.publish("m1")
    mailboxes.publish("later", delay_ms=1000)

    def looks() -> int:
        found: dict[str, int] = admin.info("commandstats").get("cmdstat_lrem", {"calls": 0})
        return found["calls"]

    before = looks()
    mailboxes.store.call("cancel", "m1", "")
    mailboxes.store.call("cancel", "later", "")

    assert looks() - before == 1


def test_a_wider_window_opens_what_was_full(mailboxes: Mailboxes) -> None:
    for number in range(3):
        mailboxes.publish(f"m{number}")
    mailboxes.publish("other", "b")
    first = mailboxes.ids()

    mailboxes.limit(jobs=2)

    assert (sorted(first), mailboxes.ids()) == (["m0", "other"], ["m1"])


def test_a_mailbox_whose_limits_cannot_be_kept_strands_nobody(mailboxes: Mailboxes) -> None:
    mailboxes.store.call("limit", "slow", "", "1e-300", "", "", "")
    mailboxes.store.call("limit", "odd", "", 1, "", "", "")
    for mailbox in ("slow", "odd", "a", "b"):
        mailboxes.publish(mailbox, mailbox)
    mailboxes.admin.rpush(mailboxes.store.key("rate:odd"), "no hash")

    started = mailboxes.ids()

    assert sorted(started) == ["a", "b", "slow"]
    mailboxes.admin.delete(mailboxes.store.key("rate:odd"))
    for mailbox in ("slow", "odd"):
        mailboxes.store.call("limit", mailbox, "", "", "", "", "")
    assert mailboxes.ids() == ["odd"]


def test_what_all_together_really_cost_is_settled_at_the_end(mailboxes: Mailboxes) -> None:
    mailboxes.store.call("limit", "", 1, 0, 1, 1, 10)
    mailboxes.publish("m0", "a", cost=1)
    mailboxes.publish("m1", "b", cost=10)
    (started,) = mailboxes.claim_all(n=1).started
    mailboxes.settle(started, cost=5)

    claim = mailboxes.claim_all()

    assert (claim.started, claim.due_ms) == ((), 5000)

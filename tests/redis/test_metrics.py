"""What is measured: written by heartbeats, once, and kept as a history that never grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dramatiq
import pytest
from mailboxes import START_MS, Mailboxes
from play import working
from real_server import eventually

from okos.mailbox import MailboxBroker
from okos.mailbox.history import WINDOWS, read_history
from okos.mailbox.measures import field_of, read_measures
from okos.mailbox.measuring import KEPT, measure
from okos.mailbox.meter import Failure, Meter
from okos.middleware import Metrics, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from okos.mailbox.history import Point, Window
    from okos.mailbox.measures import Measures

MINUTE_MS = 60_000


def measures(mailboxes: Mailboxes) -> Measures:
    found = mailboxes.store.client.hgetall(mailboxes.store.key("measures"))
    return read_measures((name.decode(), int(value)) for name, value in found.items())  # type: ignore[union-attr]  # redis-py's


def sample(mailboxes: Mailboxes, memory: object = 1000, cpu_ms: object = "") -> None:
    mailboxes.store.call("sample", memory, cpu_ms, len(KEPT), *KEPT, "q")  # type: ignore[arg-type]  # numbers, or ''


def history(mailboxes: Mailboxes, window: Window = "hour") -> list[Point]:
    slots = mailboxes.store.client.hvals(mailboxes.store.key(f"history:{WINDOWS[window][0]}"))
    return read_history(slots, window=window, now_ms=mailboxes.now_ms)  # type: ignore[arg-type]  # redis-py's


@pytest.fixture
def bare(url: str, namespace: str) -> Iterator[Mailboxes]:
    """Open mailboxes whose history may stay: it is deleted with them."""
    mailboxes = Mailboxes(url, namespace)
    yield mailboxes
    mailboxes.store.delete_all()
    mailboxes.close()


# -- measures ------------------------------------------------------------------------------------------------------


def test_what_several_processes_measured_is_added_up(bare: Mailboxes) -> None:
    for process in ("one", "another"):
        meter = Meter()
        meter.attempt("text", outcome="ok", wait_ms=3, run_ms=40)
        meter.count("prompt_tokens", 7)
        measure(bare.store, meter, process=process)

    found = measures(bare)

    assert (found.wait.count, found.run.count, found.run.sum_ms, found.outcomes) == (2, 2, 80, {"ok": 2})
    assert found.actors["text"].run == found.run
    assert found.totals == {"prompt_tokens": 14}


def test_what_was_written_before_the_reply_was_lost_is_not_written_again(bare: Mailboxes) -> None:
    meter = Meter()
    meter.attempt("text", outcome="ok")
    gathered = meter.gather()
    measure(bare.store, meter, process="one")
    assert gathered is not None

    assert bare.store.call("measure", "one", gathered.sequence, 1, field_of("outcome", "ok"), 1) == 0

    assert measures(bare).outcomes == {"ok": 1}


def test_new_names_find_no_room_where_there_are_too_many(bare: Mailboxes) -> None:
    meter = Meter()
    meter.attempt("text", outcome="ok")
    measure(bare.store, meter, process="one")
    bare.store.client.hset(bare.store.key("measures"), mapping={f"total|{number}|": 1 for number in range(4096)})

    meter.attempt("text", outcome="ok")
    meter.attempt("photo", outcome="ok")
    measure(bare.store, meter, process="one")

    found = measures(bare)
    assert found.outcomes == {"ok": 3}
    assert set(found.actors) == {"text"}


def test_of_attempts_that_failed_the_last_ones_are_kept_of_a_bounded_number_of_messages(bare: Mailboxes) -> None:
    for round_number in range(40):
        meter = Meter()
        for number in range(32):
            meter.failed(Failure(f"m{round_number * 32 + number}", 1, "retry", 5, 0.0, "boom"))
        measure(bare.store, meter, process=f"process {round_number}")
    for number in range(20):
        meter.failed(Failure("often", number, "retry", 5, 0.0, "boom"))
    measure(bare.store, meter, process="one")

    client = bare.store.client
    assert client.hlen(bare.store.key("attempts")) == client.zcard(bare.store.key("attempted")) == 1000
    lines = client.hget(bare.store.key("attempts"), "often")
    assert [json.loads(line)["attempt"] for line in lines.splitlines()] == list(range(8, 20))  # type: ignore[union-attr]  # redis-py's


# -- history -------------------------------------------------------------------------------------------------------


def test_a_slot_holds_what_was_added_in_it_and_the_peaks_of_what_stood(bare: Mailboxes) -> None:
    sample(bare, cpu_ms=1000)
    bare.publish("m1")
    bare.publish("m2", "b")
    bare.advance(5000)
    sample(bare, memory=3000, cpu_ms=1250)
    bare.settle(bare.claim())
    bare.advance(5000)
    sample(bare, memory=2000, cpu_ms=2000)

    (point,) = history(bare)

    assert (point.accepted, point.done, point.waiting, point.running) == (2, 1, 2, 0)
    assert (point.span_ms, point.memory_bytes, point.cpu_percent) == (10_000, 3000, 10.0)
    assert point.oldest_wait_ms == 10_000
    assert [one.done for window in ("day", "week") for one in history(bare, window)] == [1, 1]


def test_each_minute_has_what_was_done_in_it_and_an_hour_later_it_is_gone(bare: Mailboxes) -> None:
    sample(bare)
    for minute in range(1, 200):
        for number in range(minute % 3):
            bare.publish(f"{minute}-{number}", f"box {number}")
        bare.advance(MINUTE_MS)
        sample(bare)

    points = history(bare)
    assert len(points) == 60
    assert [one.accepted for one in points] == [minute % 3 for minute in range(140, 200)]
    assert points[-1].at_ms == (START_MS + 199 * MINUTE_MS) // MINUTE_MS * MINUTE_MS
    assert [one.span_ms for one in history(bare, "day")] == [180_000, *([600_000] * 19), 360_000]


def test_while_nobody_sampled_there_is_a_gap_and_then_all_of_it(bare: Mailboxes) -> None:
    sample(bare)
    bare.publish("m1")
    bare.advance(30 * MINUTE_MS)
    sample(bare)

    before, after = history(bare)

    assert (before.accepted, after.accepted, after.span_ms) == (0, 1, 30 * MINUTE_MS)


def test_a_slot_of_another_time_is_not_shown(bare: Mailboxes) -> None:
    sample(bare)
    bare.advance(8 * 86_400_000)

    assert [history(bare, window) for window in WINDOWS] == [[], [], []]


def test_counters_that_began_anew_are_no_loss(bare: Mailboxes) -> None:
    sample(bare, cpu_ms=5000)
    bare.advance(1000)
    sample(bare, cpu_ms=30)

    (point,) = history(bare)

    assert point.cpu_percent == 3.0


def test_the_history_stays_within_its_budget(bare: Mailboxes) -> None:
    meter = Meter()
    for step in range(400):
        for power in range(24):
            meter.attempt("text", outcome="ok", wait_ms=2**power, run_ms=2**power)
        measure(bare.store, meter, process="one")
        sample(bare, cpu_ms=step)
        bare.advance(3_600_000)

    keys = ["sampled", *(f"history:{step_s}" for step_s, _ in WINDOWS.values())]
    size = sum(bare.admin.memory_usage(bare.store.key(key), samples=0) or 0 for key in keys)
    assert size < 400_000


# -- in a worker ---------------------------------------------------------------------------------------------------


def test_a_worker_measures_what_it_runs(url: str, namespace: str) -> None:
    broker = MailboxBroker(
        url,
        namespace=namespace,
        lease_ms=600,
        middleware=[Metrics(quiet=["maintenance"]), Retry(max_retries=1, min_backoff=1, max_backoff=1)],
    )

    @dramatiq.actor(broker=broker)
    def answer(what: str) -> None:
        if what == "fails":
            raise ValueError(what)

    @dramatiq.actor(broker=broker, queue_name="maintenance")
    def sweep() -> None:
        pass

    with working(broker):
        eventually(lambda: broker.history("hour"))
        for what in ("", "", "fails"):
            answer.send(what)
        answer.send_with_options(args=("",), delay=1)
        answer.send_with_options(args=("",), hold=1)
        sweep.send()
        failed = answer.send("fails")
        broker.join("default", timeout=60_000)
        eventually(lambda: broker.measures().run.count == 8)
        eventually(lambda: sum(point.done for point in broker.history("hour")) == 5)

    found = broker.measures()
    assert found.outcomes == {"ok": 4, "retry": 2, "dead": 2}
    assert (found.wait.count, found.actors["sweep"].outcomes) == (4, {"ok": 1})
    detail = broker.message(failed.message_id)
    assert detail is not None
    assert [event.what.split(",")[0] for event in detail.events] == [
        "published",
        f"attempt 1 claimed by process {detail.worker}",
        "attempt 1 failed",
        f"attempt 2 claimed by process {detail.worker}",
        "attempt 2 failed",
        "became a dead letter",
    ]
    assert detail.events[4].error == "ValueError: fails"
    broker.flush_all()
    broker.close()


def test_what_was_measured_is_written_when_the_worker_stops(url: str, namespace: str) -> None:
    broker = MailboxBroker(url, namespace=namespace, middleware=[Metrics(), Retry()])

    @dramatiq.actor(broker=broker)
    def answer() -> None:
        pass

    with working(broker):
        answer.send()
        broker.join("default", timeout=60_000)

    assert broker.measures().outcomes == {"ok": 1}
    assert not list(broker.store.client.scan_iter(match=f"{{{namespace}}}:proc:*"))
    broker.flush_all()
    broker.close()

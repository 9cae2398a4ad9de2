"""The mailbox engine, one idea a test: what you can rely on when you use it in a project of your own.

Every test runs stock Dramatiq workers in this process against a real server. Read from top to bottom.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dramatiq
import pytest

from okos.mailbox import MailboxBroker, MailboxFull, current_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Never needed; what has not happened by then never will.
DEADLINE_S = 60.0


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    """Make a broker from nothing but a URL; the namespace only keeps the tests apart."""
    broker = MailboxBroker(url, namespace=namespace)
    yield broker
    broker.flush_all()
    broker.close()


@contextmanager
def working(broker: MailboxBroker, *, threads: int = 4) -> Iterator[None]:
    """Run a worker, as the `dramatiq` command would in a process of its own."""
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=threads)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def run_to_the_end(broker: MailboxBroker) -> None:
    """Run a worker until nothing waits and nothing runs."""
    with working(broker):
        broker.join("default", timeout=60_000)


def test_messages_of_one_mailbox_run_one_after_the_other_in_the_order_they_were_sent(broker: MailboxBroker) -> None:
    log: list[str] = []

    @dramatiq.actor(broker=broker)
    def note(number: int) -> None:
        log.append(f"start {number}")
        log.append(f"end {number}")

    for number in range(20):
        note.send_with_options(args=(number,), mailbox="user:7")

    run_to_the_end(broker)

    assert log == [line for number in range(20) for line in (f"start {number}", f"end {number}")]


def test_mailboxes_run_side_by_side(broker: MailboxBroker) -> None:
    together = threading.Barrier(2)

    @dramatiq.actor(broker=broker)
    def meet() -> None:
        together.wait(DEADLINE_S)  # only passes while the other user's handler is here, too

    meet.send_with_options(mailbox="user:7")
    meet.send_with_options(mailbox="user:8")

    run_to_the_end(broker)

    assert broker.stats().done == 2


def test_a_retry_keeps_the_order_of_its_mailbox_and_blocks_nobody_else(broker: MailboxBroker) -> None:
    ran: list[tuple[str, int]] = []
    other_user_is_done = threading.Event()

    @dramatiq.actor(broker=broker, min_backoff=1, max_backoff=1)
    def answer(user: str, number: int) -> None:
        run = current_run()
        assert run is not None
        if (user, number) == ("7", 1) and run.attempt == 1:
            other_user_is_done.wait(DEADLINE_S)
            raise ConnectionError("the first attempt fails")
        ran.append((user, number))
        if user == "8":
            other_user_is_done.set()

    for number in (1, 2):
        answer.send_with_options(args=("7", number), mailbox="user:7")
    answer.send_with_options(args=("8", 1), mailbox="user:8")

    run_to_the_end(broker)

    assert ran == [("8", 1), ("7", 1), ("7", 2)]


def test_what_a_handler_sends_is_committed_with_its_ack_and_not_before(broker: MailboxBroker) -> None:
    told: list[str] = []

    @dramatiq.actor(broker=broker)
    def tell(text: str) -> None:
        told.append(text)

    @dramatiq.actor(broker=broker, min_backoff=1, max_backoff=1)
    def answer() -> None:
        run = current_run()
        assert run is not None
        tell.send(f"from attempt {run.attempt}")
        if run.attempt == 1:
            raise ConnectionError("after it was sent")

    answer.send_with_options(mailbox="user:7")

    run_to_the_end(broker)

    assert told == ["from attempt 2"]


def test_what_a_handler_keeps_is_committed_with_its_ack_too(broker: MailboxBroker) -> None:
    @dramatiq.actor(broker=broker, min_backoff=1, max_backoff=1)
    def remember(text: str) -> None:
        run = current_run()
        assert run is not None
        run.append("notes:7", text.encode(), keep=2, ttl_ms=60_000)
        if run.attempt == 1:
            raise ConnectionError("nothing of this attempt is kept")

    for text in ("one", "two", "three"):
        remember.send_with_options(args=(text,), mailbox="user:7")

    run_to_the_end(broker)

    assert broker.read_list("notes:7") == [b"two", b"three"]


def test_a_message_is_accepted_once_for_its_dedup_id(broker: MailboxBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def handle(update: str) -> None:
        ran.append(update)

    for _ in range(3):
        handle.send_with_options(args=("update 1",), mailbox="user:7", dedup_id="update:1")

    run_to_the_end(broker)

    assert ran == ["update 1"]


def test_a_delayed_message_waits_outside_its_mailbox(broker: MailboxBroker) -> None:
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def say(text: str) -> None:
        ran.append(text)

    say.send_with_options(args=("later",), mailbox="user:7", delay=200)
    say.send_with_options(args=("now",), mailbox="user:7")

    run_to_the_end(broker)

    assert ran == ["now", "later"]


def test_a_mailbox_can_be_full(broker: MailboxBroker) -> None:
    @dramatiq.actor(broker=broker, max_backlog=2)
    def handle() -> None:
        """Do nothing."""

    handle.send_with_options(mailbox="user:7")
    handle.send_with_options(mailbox="user:7")

    with pytest.raises(MailboxFull):
        handle.send_with_options(mailbox="user:7")
    handle.send_with_options(mailbox="user:8")

    assert broker.stats().waiting == 3


def test_what_is_given_up_is_kept_and_can_be_requeued(broker: MailboxBroker) -> None:
    is_mended = False
    ran: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=0)
    def work(number: int) -> None:
        if number == 1 and not is_mended:
            raise ValueError("number 1 is broken")
        ran.append(number)

    for number in (1, 2):
        work.send_with_options(args=(number,), mailbox="user:7")
    run_to_the_end(broker)

    (letter,) = broker.failed()
    assert (letter.mailbox, letter.error, letter.attempts) == ("user:7", "ValueError: number 1 is broken", 1)

    is_mended = True
    assert broker.requeue([letter.id]) == 1
    run_to_the_end(broker)

    assert ran == [2, 1]
    assert broker.failed() == []


def test_a_worker_that_stops_gives_back_what_it_has_not_finished(
    broker: MailboxBroker, wait_until: Callable[..., None]
) -> None:
    ran: list[int] = []
    has_started, may_end = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def work(number: int) -> None:
        ran.append(number)
        has_started.set()
        may_end.wait(DEADLINE_S)

    for number in range(5):
        work.send_with_options(args=(number,), mailbox="user:7")
    with working(broker):
        wait_until(has_started.is_set)
        threading.Timer(0.1, may_end.set).start()

    assert broker.stats().waiting + broker.stats().done == 5
    assert broker.stats().running == 0

    run_to_the_end(broker)

    assert ran == [0, 1, 2, 3, 4]


def test_a_running_message_can_be_cancelled(broker: MailboxBroker, wait_until: Callable[..., None]) -> None:
    is_running = threading.Event()
    sent_by_it: list[str] = []

    @dramatiq.actor(broker=broker)
    def tell() -> None:
        sent_by_it.append("told")

    @dramatiq.actor(broker=broker)
    def think() -> None:
        tell.send()
        is_running.set()
        pause = threading.Event()
        while True:  # an interrupt is raised between two lines of Python, so do not wait long in one
            pause.wait(0.01)

    message = think.send_with_options(mailbox="user:7")
    with working(broker):
        wait_until(is_running.is_set)

        assert broker.cancel(message.message_id) == "flagged"

        broker.join("default", timeout=60_000)

    assert broker.stats().cancelled == 1
    assert sent_by_it == []

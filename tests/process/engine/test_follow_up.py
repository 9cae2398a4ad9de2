"""What a middleware of Dramatiq sends for a handler that has ended: with its ack, or the attempt has failed."""

from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
import pytest
from dramatiq.middleware import Callbacks, Pipelines
from real_server import eventually

from okos.mailbox import MailboxBroker, current_run
from okos.middleware import Metrics, Retry


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    middleware = [Metrics(), Callbacks(), Pipelines(), Retry(max_retries=2, min_backoff=1, max_backoff=1)]
    broker = MailboxBroker(url, namespace=namespace, middleware=middleware)
    yield broker
    broker.flush_all()
    broker.close()


@contextmanager
def a_worker(broker: MailboxBroker) -> Iterator[None]:
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


class Actors:
    """A handler whose result may be none that can be sent, and one that is sent it."""

    def __init__(self, broker: MailboxBroker) -> None:
        self.broker = broker
        self.made: list[str] = []
        self.got: list[object] = []
        self.make = dramatiq.actor(broker=broker, actor_name="make")(self._make)
        self.once = dramatiq.actor(broker=broker, actor_name="once", max_retries=0)(self._make)
        self.take = dramatiq.actor(broker=broker, actor_name="take")(self.got.append)
        self.told = dramatiq.actor(broker=broker, actor_name="told")(lambda _, result: self.got.append(result))
        self.apologise = dramatiq.actor(broker=broker, actor_name="apologise")(lambda: self.got.append("sorry"))
        self.careful = dramatiq.actor(broker=broker, actor_name="careful")(self._careful)

    def start(self, how: str, what: str) -> None:
        if how == "pipeline":
            take: dramatiq.Message[None] = dramatiq.Message(
                queue_name="default", actor_name="take", args=(), kwargs={}, options={}
            )
            dramatiq.pipeline([self.make.message(what), take], broker=self.broker).run()  # type: ignore[no-untyped-call]  # Dramatiq's
        else:
            self.make.send_with_options(args=(what,), on_success="told")

    def _make(self, what: str) -> object:
        run = current_run()
        assert run is not None
        run.on_dead(self.apologise.message())
        self.made.append(what)
        self.take.send(f"an effect of {what}")
        works = len(self.made) > 2
        return {"none": {1, 2}, "large": "x" * 2_000_000, "third": 3 if works else {1, 2}}.get(what, what)

    def _careful(self) -> None:
        try:
            self.take.send({1, 2})
        except TypeError:
            self.take.send("something else")


@pytest.fixture
def actors(broker: MailboxBroker) -> Actors:
    return Actors(broker)


@pytest.mark.parametrize("how", ["pipeline", "on_success"])
@pytest.mark.parametrize(
    ("what", "runs", "error"), [("none", 3, "TypeError: "), ("large", 1, "BadMessage: the effects of a run")]
)
def test_a_result_that_cannot_be_sent_on_fails_its_attempt_and_nothing_of_it_is_written(
    actors: Actors, how: str, what: str, runs: int, error: str
) -> None:
    broker = actors.broker
    with a_worker(broker):
        actors.start(how, what)
        eventually(lambda: actors.got)
        broker.join("default", timeout=60_000)

    assert (actors.made, actors.got) == ([what] * runs, ["sorry"])
    (letter,) = broker.failed()
    assert letter.error.startswith(error)
    assert (letter.attempts, broker.stats().retried, broker.stats().died) == (runs, runs - 1, 1)
    outcomes = broker.measures().actors["make"].outcomes
    assert {name: count for name, count in outcomes.items() if count} == {"dead": 1} | (
        {"retry": 2} if runs > 1 else {}
    )


@pytest.mark.parametrize("how", ["pipeline", "on_success"])
def test_a_result_that_can_be_sent_on_at_last_is_sent_with_the_ack_of_its_attempt(
    broker: MailboxBroker, actors: Actors, how: str
) -> None:
    with a_worker(broker):
        actors.start(how, "third")
        eventually(lambda: len(actors.got) == 2)
        broker.join("default", timeout=60_000)

    assert sorted(map(str, actors.got)) == ["3", "an effect of third"]
    assert (len(actors.made), broker.stats().retried, broker.stats().died) == (3, 2, 0)


def test_a_follow_up_that_names_an_actor_that_nobody_knows_is_tried_again_then_a_dead_letter(
    broker: MailboxBroker, actors: Actors
) -> None:
    with a_worker(broker):
        actors.make.send_with_options(args=("x",), on_success="no such actor")
        eventually(lambda: broker.stats().died)

    assert len(actors.made) == 3
    assert "no such actor" in broker.failed()[0].error


def test_an_actor_s_own_number_of_retries_holds_for_its_follow_up_too(broker: MailboxBroker, actors: Actors) -> None:
    with a_worker(broker):
        actors.once.send_with_options(args=("none",), on_success="told")
        eventually(lambda: broker.stats().died)

    assert actors.made == ["none"]


def test_what_a_handler_was_refused_and_caught_is_its_own_affair(broker: MailboxBroker, actors: Actors) -> None:
    with a_worker(broker):
        actors.careful.send()
        eventually(lambda: actors.got)
        broker.join("default", timeout=60_000)

    assert actors.got == ["something else"]
    assert broker.stats().died == 0

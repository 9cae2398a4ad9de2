from __future__ import annotations

import threading

import pytest

from okos.local.pending import Pending


def test_the_oldest_question_is_the_first_that_is_not_answered() -> None:
    pending = Pending()
    for envelope_id in ("a", "b", "c"):
        pending.add(envelope_id)

    pending.remove("b")
    assert pending.first() == "a"
    pending.remove("a")
    assert pending.first() == "c"
    pending.remove("c")
    assert pending.first() is None


def test_an_answer_ends_the_wait_of_another_thread() -> None:
    pending = Pending()
    pending.add("a")
    waited: list[bool] = []
    thread = threading.Thread(target=lambda: waited.append(pending.wait_until_at_most(0)))
    thread.start()

    pending.remove("a")
    thread.join(30)

    assert waited == [True]


def test_a_wait_ends_with_its_time() -> None:
    pending = Pending()
    pending.add("a")

    assert pending.wait_until_at_most(1, timeout_s=0)
    assert not pending.wait_until_at_most(0, timeout_s=0)


def test_a_failure_ends_every_wait() -> None:
    pending = Pending()
    pending.add("a")
    pending.fail(BrokenPipeError())

    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            pending.wait_until_at_most(0)

"""A handler that asks for the end of its process, or breaks what its process shares: only its own attempt fails."""

import pytest
from fleet import Fleet


@pytest.mark.parametrize(("actor", "queue"), [("leave", "text"), ("leave_async", "photo")])
def test_a_handler_that_exits_has_failed_and_is_tried_again_in_the_same_process(
    fleet: Fleet, actor: str, queue: str
) -> None:
    gate = fleet.gate()
    fleet.start(threads=3, app="stubborn_app")
    fleet.send("wait_async", "beside", 0, queue="photo", gate=str(gate))
    fleet.await_lines(1, user="beside", what="start")
    fleet.send(actor, "a", 0, queue=queue, fails=2)
    for_good = fleet.send(actor, "b", 0, queue=queue, fails=99, options={"max_retries": 1})

    fleet.await_lines(1, user="a", what="end")
    fleet.await_lines(2, user="b", what="start")
    gate.touch()
    fleet.await_drained()

    assert [line.what for line in fleet.lines(user="a")] == ["start", "start", "start", "end"]
    assert [line.what for line in fleet.lines(user="beside")] == ["start", "closed", "end"]
    assert len({line.pid for line in fleet.lines()}) == 1
    (letter,) = fleet.broker.failed()
    assert (letter.id, letter.attempts, letter.error) == (for_good, 2, "SystemExit: 1")
    assert sorted(fleet.replies()) == [("a", 0), ("beside", 0)]


def test_an_event_loop_that_breaks_fails_what_ran_on_it_and_the_next_attempts_have_another(fleet: Fleet) -> None:
    gate = fleet.gate()
    fleet.start(threads=3, app="stubborn_app")
    fleet.send("wait_async", "beside", 0, queue="photo", gate=str(gate))
    fleet.await_lines(1, user="beside", what="start")

    fleet.send("cut", "a", 0, queue="photo")
    fleet.await_lines(2, user="beside", what="start")
    gate.touch()
    fleet.await_drained()

    assert [line.what for line in fleet.lines(user="a")] == ["start", "start", "end"]
    assert [line.attempt for line in fleet.lines(user="beside", what="end")] == [2]
    assert len({line.pid for line in fleet.lines()}) == 1
    assert fleet.broker.stats().died == 0

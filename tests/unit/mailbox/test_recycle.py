"""When a process whose threads hang starts afresh, with a clock that the test moves."""

import pytest

from okos.mailbox.recycle import BUSY_S, IDLE_S, Recycle, Step

THREADS = 8
GRACE_S = 25.0


def a_recycle() -> Recycle:
    recycle = Recycle(threads=THREADS, grace_s=GRACE_S)
    assert look(recycle, 0.0) is Step.NOTHING
    return recycle


def look(
    recycle: Recycle, now: float, *, hung: int = 0, running: int = 0, unwritten: int = 0, claimed: int = 0
) -> Step:
    return recycle.look(now, hung=hung, running=running, unwritten=unwritten, claimed=claimed)


def test_a_sound_process_is_left_alone() -> None:
    recycle = a_recycle()

    assert look(recycle, 10 * BUSY_S) is Step.NOTHING


def test_an_idle_process_with_one_thread_lost_stops_claiming_and_starts_afresh() -> None:
    recycle = a_recycle()

    assert look(recycle, IDLE_S - 0.01, hung=1) is Step.NOTHING
    assert look(recycle, IDLE_S, hung=1) is Step.STOP_CLAIMS
    assert look(recycle, IDLE_S + 0.5, hung=1) is Step.START_AFRESH
    assert look(recycle, IDLE_S + 1.0, hung=1) is Step.NOTHING


@pytest.mark.parametrize("work", [{"running": 1}, {"unwritten": 1}, {"claimed": 1}])
def test_a_process_that_has_just_worked_is_not_idle(work: dict[str, int]) -> None:
    recycle = a_recycle()
    look(recycle, 10.0, hung=1, **work)

    assert look(recycle, 10.0 + IDLE_S - 0.01, hung=1, claimed=work.get("claimed", 0)) is Step.NOTHING
    assert look(recycle, 10.0 + IDLE_S, hung=1, claimed=work.get("claimed", 0)) is Step.STOP_CLAIMS


def test_a_process_that_is_never_idle_starts_afresh_in_the_end() -> None:
    recycle = a_recycle()
    began = 100.0

    assert look(recycle, began, hung=1, running=7, claimed=1) is Step.NOTHING
    assert look(recycle, began + BUSY_S - 0.01, hung=1, running=7, claimed=2) is Step.NOTHING
    assert look(recycle, began + BUSY_S, hung=1, running=7, claimed=3) is Step.STOP_CLAIMS


def test_half_of_the_threads_lost_is_enough_at_once() -> None:
    recycle = a_recycle()

    assert look(recycle, 0.1, hung=3, running=5, claimed=1) is Step.NOTHING
    assert look(recycle, 0.2, hung=4, running=4, claimed=2) is Step.STOP_CLAIMS


def test_the_only_thread_lost_is_enough_at_once() -> None:
    recycle = Recycle(threads=1, grace_s=GRACE_S)

    assert look(recycle, 0.0, hung=1, running=0) is Step.STOP_CLAIMS


def test_threads_that_came_back_are_no_reason_any_more() -> None:
    recycle = a_recycle()
    look(recycle, 1.0, hung=1, running=1)
    look(recycle, 2.0, hung=0, running=1)

    assert look(recycle, 2.0 + BUSY_S - 0.01, hung=1, running=1) is Step.NOTHING


def test_what_still_runs_has_the_grace_and_no_more() -> None:
    recycle = a_recycle()
    assert look(recycle, 1.0, hung=4, running=2, claimed=1) is Step.STOP_CLAIMS

    assert look(recycle, 1.0 + GRACE_S - 0.01, hung=4, running=1, claimed=1) is Step.NOTHING
    assert look(recycle, 1.0 + GRACE_S, hung=4, running=1, claimed=1) is Step.START_AFRESH


def test_what_has_ended_is_written_first_however_long_the_server_is_away() -> None:
    recycle = a_recycle()
    assert look(recycle, 1.0, hung=4, running=2, claimed=1) is Step.STOP_CLAIMS

    assert look(recycle, 10 * GRACE_S, hung=4, running=1, unwritten=1, claimed=1) is Step.NOTHING
    assert look(recycle, 20 * GRACE_S, hung=4, unwritten=2, claimed=1) is Step.NOTHING
    assert look(recycle, 20 * GRACE_S + 0.5, hung=4, claimed=1) is Step.START_AFRESH

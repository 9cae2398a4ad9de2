"""When a child is started, started again and stopped: the table of `okos.up.lifecycle`, row by row."""

import pytest

from okos.up.lifecycle import LONGEST_WAIT_MS, STEADY_MS, Action, Lifecycle, State, wait_ms


def a_child_that(state: State, *, now_ms: int = 0) -> Lifecycle:
    """Bring a child into this state."""
    life = Lifecycle()
    if state is State.BACKING_OFF:
        return life
    life.has_spawned(now_ms)
    if state is State.RUNNING:
        life.is_due(now_ms + STEADY_MS)
    elif state is not State.STARTING:
        life.ask_to_stop(now_ms, grace_ms=1000)
    if state is State.GONE:
        life.has_exited(now_ms)
    assert life.state is state
    return life


def test_a_new_child_is_spawned_at_once() -> None:
    assert Lifecycle().is_due(0) is Action.SPAWN


@pytest.mark.parametrize(
    ("after_ms", "state"),
    [(STEADY_MS - 1, State.STARTING), (STEADY_MS, State.RUNNING), (STEADY_MS + 1, State.RUNNING)],
)
def test_a_child_runs_once_it_has_lived_for_a_while(after_ms: int, state: State) -> None:
    life = a_child_that(State.STARTING)

    assert life.is_due(after_ms) is None

    assert life.state is state


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 0), (1, 200), (2, 400), (3, 800), (8, 25_600), (9, LONGEST_WAIT_MS)]
)
def test_each_failure_in_a_row_doubles_the_wait_up_to_a_limit(failures: int, wait: int) -> None:
    assert wait_ms(failures) == wait
    assert wait_ms(10_000) == LONGEST_WAIT_MS


def test_a_child_that_keeps_exiting_waits_longer_each_time() -> None:
    life, now_ms, waits = Lifecycle(), 0, []
    for _ in range(4):
        life.has_spawned(now_ms)
        life.has_exited(now_ms)
        waits.append(life.due_ms - now_ms)
        assert life.is_due(life.due_ms - 1) is None
        now_ms = life.due_ms
        assert life.is_due(now_ms) is Action.SPAWN

    assert waits == [200, 400, 800, 1600]


def test_a_child_that_ran_well_for_a_while_starts_over_with_the_shortest_wait() -> None:
    life = Lifecycle(failures=7)
    life.has_spawned(0)
    life.is_due(STEADY_MS)

    life.has_exited(STEADY_MS)

    assert (life.state, life.due_ms - STEADY_MS) == (State.BACKING_OFF, 200)


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING])
def test_what_is_alive_is_terminated_once_and_killed_when_its_grace_is_over(state: State) -> None:
    life = a_child_that(state)

    assert life.ask_to_stop(50_000, grace_ms=1000) is Action.TERMINATE
    assert life.ask_to_stop(50_100, grace_ms=1000) is None

    assert life.is_due(50_999) is None
    assert life.is_due(51_000) is Action.KILL
    assert life.is_due(51_001) is None


def test_a_stop_that_becomes_urgent_cuts_the_grace() -> None:
    life = a_child_that(State.STOPPING)

    life.ask_to_stop(10, grace_ms=0)

    assert life.is_due(10) is Action.KILL


def test_a_stop_that_is_asked_for_again_does_not_prolong_the_grace() -> None:
    life = a_child_that(State.STOPPING)

    life.ask_to_stop(900, grace_ms=1000)

    assert life.is_due(1000) is Action.KILL


def test_what_waits_to_be_started_is_gone_when_asked_to_stop() -> None:
    life = a_child_that(State.BACKING_OFF)

    assert life.ask_to_stop(0, grace_ms=1000) is None

    assert life.state is State.GONE


def test_what_exits_while_stopping_is_gone_and_never_started_again() -> None:
    life = a_child_that(State.STOPPING)

    life.has_exited(10)

    assert life.state is State.GONE
    assert life.is_due(10**9) is None
    assert life.ask_to_stop(10**9, grace_ms=0) is None

from benchmarks.ledger import Run, Start
from benchmarks.recovery import cut_off_by, first_again

VICTIM, SURVIVOR = 11, 12


def a_start(user: int, start_ns: int, *, pid: int) -> Start:
    return Start(user=user, seq=0, start_ns=start_ns, pid=pid)


def a_run(user: int, start_ns: int) -> Run:
    return Run(user=user, seq=0, start_ns=start_ns, end_ns=start_ns + 10)


def test_what_started_in_the_killed_process_and_did_not_end_was_cut_off() -> None:
    starts = [a_start(1, 100, pid=VICTIM), a_start(2, 100, pid=VICTIM), a_start(3, 100, pid=SURVIVOR)]

    assert cut_off_by(VICTIM, starts, [a_run(2, 100)]) == {(1, 0)}


def test_the_run_that_follows_does_not_hide_the_one_that_was_cut_off() -> None:
    starts = [a_start(1, 100, pid=VICTIM), a_start(1, 900, pid=SURVIVOR)]

    assert cut_off_by(VICTIM, starts, [a_run(1, 900)]) == {(1, 0)}


def test_only_its_first_start_after_the_kill_counts() -> None:
    starts = [
        a_start(1, 100, pid=VICTIM),
        a_start(2, 600, pid=SURVIVOR),
        a_start(1, 900, pid=SURVIVOR),
        a_start(1, 950, pid=SURVIVOR),
    ]

    again = first_again({(1, 0), (9, 0)}, starts, after_ns=500)

    assert [(start.user, start.start_ns) for start in again] == [(1, 900)]

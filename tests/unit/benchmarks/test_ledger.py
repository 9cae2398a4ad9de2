import asyncio
import os
from pathlib import Path

from benchmarks.ledger import (
    Ledger,
    Run,
    count_doubled,
    count_out_of_order,
    count_runs,
    read_delays_us,
    read_runs,
    read_starts,
)


def a_run(*, user: int = 1, seq: int = 0, start_ns: int = 0, end_ns: int = 1) -> Run:
    return Run(user=user, seq=seq, start_ns=start_ns, end_ns=end_ns)


def test_one_message_after_the_other_is_in_order() -> None:
    runs = [a_run(seq=0, start_ns=0, end_ns=5), a_run(seq=1, start_ns=5, end_ns=9)]

    assert count_out_of_order(runs) == 0


def test_a_message_that_overlaps_its_predecessor_is_out_of_order() -> None:
    runs = [a_run(seq=0, start_ns=0, end_ns=5), a_run(seq=1, start_ns=4, end_ns=9)]

    assert count_out_of_order(runs) == 1


def test_a_message_that_overtakes_two_counts_once() -> None:
    runs = [
        a_run(seq=2, start_ns=0, end_ns=1),
        a_run(seq=0, start_ns=1, end_ns=2),
        a_run(seq=1, start_ns=2, end_ns=3),
    ]

    assert count_out_of_order(runs) == 1


def test_other_users_do_not_matter_for_order() -> None:
    runs = [a_run(user=1, seq=0, start_ns=0, end_ns=5), a_run(user=2, seq=1, start_ns=1, end_ns=2)]

    assert count_out_of_order(runs) == 0


def test_a_second_run_of_a_message_is_a_double() -> None:
    assert count_doubled([a_run(seq=0), a_run(seq=0, start_ns=7, end_ns=8), a_run(seq=1)]) == 1


def test_what_handlers_note_is_read_back_in_the_order_of_their_starts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open()
    ledger.handle(7, 0, 0)
    ledger.handle(8, 0, 1)
    ledger.close()

    runs = read_runs(tmp_path)

    assert [(run.user, run.seq) for run in runs] == [(7, 0), (8, 0)]
    assert runs[1].end_ns - runs[1].start_ns >= 1_000_000
    assert count_runs(tmp_path) == 2


def test_a_handler_that_streams_notes_how_late_each_token_was(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open()
    asyncio.run(ledger.tell(7, 0, 0, 3, 2))
    ledger.close()

    assert len(read_delays_us(tmp_path)) == 3
    assert read_runs(tmp_path)[0].end_ns - read_runs(tmp_path)[0].start_ns >= 6_000_000


def test_starts_are_noted_at_once_where_they_are_wanted(tmp_path: Path) -> None:
    quiet, noting = Ledger(tmp_path / "quiet"), Ledger(tmp_path / "noting", notes_starts=True)
    for name, ledger in (("quiet", quiet), ("noting", noting)):
        (tmp_path / name).mkdir()
        ledger.open()
        ledger.handle(7, 1, 0)
        ledger.close()

    assert read_starts(tmp_path / "quiet") == []
    assert [(start.user, start.seq, start.pid) for start in read_starts(tmp_path / "noting")] == [(7, 1, os.getpid())]
    assert count_runs(tmp_path / "noting") == 1

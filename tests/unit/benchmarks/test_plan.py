import pytest

from benchmarks.contestant import CONTESTANTS
from benchmarks.plan import FULL, PARTS, QUICK, estimate_s, parts_of
from benchmarks.workload import Workload


@pytest.mark.parametrize("name", PARTS)
def test_each_part_can_be_measured_alone(name: str) -> None:
    (part,) = parts_of(FULL, list(CONTESTANTS), [name])

    assert part.name == name
    assert part.calls


def test_a_full_run_takes_at_most_half_an_hour() -> None:
    assert estimate_s(parts_of(FULL, list(CONTESTANTS), PARTS)) <= 30 * 60


def test_a_quick_run_measures_as_many_kinds_side_by_side() -> None:
    (everything,) = parts_of(QUICK, list(CONTESTANTS), PARTS)

    assert everything.at_once > 1
    assert len(everything.calls) >= sum(len(part.calls) > 0 for part in parts_of(FULL, list(CONTESTANTS), PARTS))


def test_what_only_okos_has_is_left_out_without_it() -> None:
    assert parts_of(FULL, ["stock"], ["cost"]) == []


def test_a_workload_travels_whole() -> None:
    workload = Workload(users=3, messages_per_user=2, tokens=50, token_ms=50)

    assert Workload.decode(workload.encode()) == workload

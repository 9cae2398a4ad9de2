from typing import Any

import pytest

from okos.mailbox.fitness import Severity, judge

NOW_MS = 1_700_000_000_000
FIT: dict[str, Any] = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "used_memory": 1_000_000,
    "aof_enabled": 1,
    "server_time_usec": NOW_MS * 1000,
}
SYNCED = {"appendfsync": "everysec"}


def found(facts: dict[str, Any], settings: dict[str, Any] | None = SYNCED) -> list[tuple[str, Severity]]:
    return [(one.name, one.severity) for one in judge({**FIT, **facts}, settings, now_ms=NOW_MS)]


def test_of_a_fit_server_there_is_nothing_to_say() -> None:
    assert found({}) == []


@pytest.mark.parametrize(
    ("version", "is_too_old"),
    [("5.0.14", True), ("6.2.14", True), ("7.0.0", False), ("7.2.4", False), ("10.0.0", False)],
)
def test_no_script_runs_before_version_7(version: str, *, is_too_old: bool) -> None:
    assert found({"redis_version": version}) == [("version", Severity.FAULT)] * is_too_old


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        ({"maxmemory": 1, "maxmemory_policy": "allkeys-lru"}, ("eviction", Severity.FAULT)),
        ({"maxmemory_policy": "allkeys-lru"}, ("eviction", Severity.WARNING)),
        ({"maxmemory": 1_000_000}, ("memory", Severity.WARNING)),
        ({"role": "slave", "master_host": "other", "master_port": 6379}, ("replica", Severity.FAULT)),
        ({"aof_enabled": 0}, ("persistence", Severity.WARNING)),
        ({"aof_last_write_status": "err"}, ("persistence", Severity.FAULT)),
        ({"server_time_usec": (NOW_MS + 6_000) * 1000}, ("clock", Severity.WARNING)),
        ({"server_time_usec": (NOW_MS - 6_000) * 1000}, ("clock", Severity.WARNING)),
    ],
)
def test_what_loses_messages_is_a_fault_and_what_may_hurt_a_warning(
    facts: dict[str, Any], finding: tuple[str, Severity]
) -> None:
    assert found(facts) == [finding]


@pytest.mark.parametrize(("most", "share"), [(1, "all of"), (1_000_000, "all of"), (1_000_001, "99 % of")])
def test_what_is_used_beyond_the_most_is_all_of_it(most: int, share: str) -> None:
    (finding,) = judge({**FIT, "maxmemory": most}, SYNCED, now_ms=NOW_MS)

    assert finding.text.startswith(share)


def test_memory_that_has_room_and_clocks_that_nearly_agree_are_well() -> None:
    assert found({"maxmemory": 1_200_000, "server_time_usec": (NOW_MS + 4_000) * 1000}) == []


def test_an_append_only_file_that_is_never_synced_is_told() -> None:
    assert found({}, {"appendfsync": "no"}) == [("persistence", Severity.WARNING)]


def test_what_a_service_hides_is_unseen_and_not_taken_for_well() -> None:
    assert found({}, None) == [("persistence", Severity.UNSEEN)]
    hidden = {name: value for name, value in FIT.items() if name != "aof_enabled"}
    assert [one.severity for one in judge(hidden, {}, now_ms=NOW_MS)] == [Severity.UNSEEN]

import json
import re
from pathlib import Path

import pytest

from benchmarks.contestant import CONTESTANTS, NODE_DIRECTORY
from benchmarks.npm import NotThere, install, wanted_versions
from benchmarks.workload import Workload


def test_a_dramatiq_of_its_own_for_each_process_where_one_is_killed() -> None:
    together = CONTESTANTS["okos"].work_commands(processes=2, threads=8, is_apart=False)
    apart = CONTESTANTS["okos"].work_commands(processes=2, threads=8, is_apart=True)

    assert [command[-4:] for command in together] == [["--processes", "2", "--threads", "8"]]
    assert [command[-4:] for command in apart] == [["--processes", "1", "--threads", "8"]] * 2


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_contestant_is_told_the_same_workload(name: str) -> None:
    workload = Workload(users=3, messages_per_user=2)

    command = CONTESTANTS[name].publish_command(workload)

    assert json.loads(command[-1]) == json.loads(workload.encode())


def test_the_programs_of_node_know_each_contestant_from_npm() -> None:
    programs = (NODE_DIRECTORY / "contestants.mjs").read_text(encoding="utf-8")
    (names,) = re.findall(r"export const contestants = \{ (.*) \};", programs)

    assert set(names.split(", ")) == {name for name, one in CONTESTANTS.items() if one.is_npm}


def test_packages_of_npm_are_pinned() -> None:
    assert [version for version in wanted_versions().values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_without_node_it_is_said_that_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotThere, match="there is no node on the PATH"):
        install()

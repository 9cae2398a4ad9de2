"""What `--help` says: one line for each command, a heading, and examples that are right."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer

from okos.cli import COMMANDS, app
from okos.cli.manual import EXAMPLES, PANELS
from okos.mailbox.policy import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = typer.main.get_group(app)
EACH = [pytest.param(name, example, id=example) for name, examples in EXAMPLES.items() for example in examples]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_short_line_in_the_list_and_tells_its_exit_code_below(name: str) -> None:
    command = COMMAND.get_command(typer.Context(COMMAND), name)
    assert command is not None
    line = (command.help or "").partition("\n\n")[0]

    assert len(line) <= 85
    assert "Exit " not in line


def test_what_has_a_heading_or_an_example_is_a_command() -> None:
    listed = [name for names in PANELS.values() for name in names]

    assert set(listed) | {name.partition(" ")[0] for name in EXAMPLES} <= set(COMMANDS)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(("name", "example"), EACH)
def test_an_example_can_be_called(name: str, example: str) -> None:
    first, *words = shlex.split(example.rpartition("|")[2].partition(">")[0])
    command = _command_of(name)

    assert [first, *words][: 1 + len(name.split())] == ["okos", *name.split()]
    assert command.make_context(name, words[len(name.split()) :]) is not None


def _command_of(name: str) -> Any:  # Any: Typer's own copy of click
    command: Any = COMMAND
    for part in name.split():
        command = command.get_command(typer.Context(command), part)
        assert command is not None, name
    return command


def test_each_command_of_a_group_shows_examples() -> None:
    groups = [name for name, command in COMMANDS.items() if isinstance(command, typer.Typer)]
    within = [f"{name} {one}" for name in groups for one in _command_of(name).commands]

    assert within
    assert [name for name in within if name not in EXAMPLES or not _command_of(name).epilog] == []


@pytest.mark.parametrize("option", LIMITS)
def test_the_help_says_the_bounds_of_a_limit(option: str) -> None:
    (found,) = [one for one in _command_of("limits set").params if one.name == option]
    least, most = LIMITS[option]

    assert found.metavar == f"{str(least) if least >= 1 else f'{least:f}'} to {most:.0f}"


def _leaves(command: Any) -> Iterator[Any]:  # Any: Typer's own copy of click
    within = getattr(command, "commands", None)
    if within is None:
        yield command
    else:
        for one in within.values():
            yield from _leaves(one)


@pytest.mark.parametrize("name", [*PANELS["See how it does"], *PANELS["Step in"], "config"])
def test_what_an_operator_calls_has_examples_and_knows_json(name: str) -> None:
    command = COMMAND.get_command(typer.Context(COMMAND), name)

    assert command is not None
    assert name in EXAMPLES or name in {"status", "doctor"}
    for leaf in _leaves(command):
        assert "--json" in {option for parameter in leaf.params for option in parameter.opts}, leaf.name

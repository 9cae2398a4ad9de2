"""`okos chat`: on a pipe, and on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from local_commands import Machine, Terminal, a_machine
from real_server import eventually

from okos.private import PrivateOkos, private_okos
from okos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[Machine]:
    with a_machine() as machine:
        yield machine.with_handlers()


def test_a_line_from_a_pipe_is_answered(machine: Machine) -> None:
    done = machine.okos("chat", stdin="hello\n", OKOS_HANDLERS="actors")

    assert (done.returncode, done.stderr) == (0, "")
    assert "“hello”" in done.stdout
    assert list(machine.temporary.iterdir()) == []


def test_lines_are_messages_of_one_user_answered_in_order(machine: Machine) -> None:
    lines = [f"line {number}" for number in range(60)]
    done = machine.okos("chat", stdin="\n\n".join(lines), OKOS_MAX_BACKLOG="3")

    assert done.stdout.splitlines() == [f"you said {line}" for line in lines]
    assert (done.returncode, done.stderr) == (0, "")


def test_quit_ends_a_pipe(machine: Machine) -> None:
    assert machine.okos("chat", stdin="one\n/quit\ntwo\n").stdout == "you said one\n"


def test_a_line_without_an_answer_is_told_and_the_others_are_answered(machine: Machine) -> None:
    done = machine.okos("chat", stdin="one\n" + "a" * 100_000 + "\nfail\ntwo\n", OKOS_RETRY_ATTEMPTS="0")

    assert done.stdout == "you said one\nyou said two\n"
    assert "line 2 was not sent: the text has more than 65,536 bytes" in done.stderr
    assert "Sorry, something went wrong" in done.stderr
    assert done.stderr.endswith("okos: 2 messages have no answer\n")
    assert done.returncode == 1


def restart_server(okos: PrivateOkos) -> None:
    before = okos.server_pid
    okos.kill_server()
    eventually(lambda: okos.server_pid not in {None, before})


def test_a_line_is_answered_while_the_pipe_is_open_also_after_the_server_was_killed(machine: Machine) -> None:
    settings = Settings(home=machine.home, handlers="obedient")
    with (
        private_okos(machine.home, settings=settings, directory=machine.directory) as okos,
        machine.started("chat") as chat,
    ):
        assert chat.stdin is not None
        assert chat.stdout is not None
        for number in range(2):
            print(f"line {number}", file=chat.stdin, flush=True)
            assert chat.stdout.readline() == f"you said line {number}\n"
            restart_server(okos)
        print("line 2", file=chat.stdin, flush=True)
        assert chat.stdout.readline() == "you said line 2\n"
        chat.stdin.close()
        assert chat.wait(60) == 0


def leave(terminal: Terminal) -> None:
    terminal.type("/quit\r")
    assert terminal.status() == 0


def test_on_a_terminal_one_types_on_while_the_answer_grows(machine: Machine) -> None:
    with machine.on_a_terminal("chat") as terminal:
        terminal.wait_for("you> ")
        terminal.type("wait for me\r")
        eventually((machine.directory / "begun").exists)
        terminal.wait_for("you said")
        terminal.type("and mé\x7fe\rhal")
        terminal.wait_for("you> and me")
        (machine.directory / "go").touch()
        terminal.wait_for("you said and me")
        terminal.type("f\r")
        terminal.wait_for("you said half")
        leave(terminal)

        shown = terminal.shown()

    answers = [shown.index(f"you said {text}") for text in ("wait for me", "and me", "half")]
    assert answers == sorted(answers)


def test_on_a_terminal_what_cannot_be_sent_or_answered_is_told_and_the_chat_goes_on(machine: Machine) -> None:
    machine.environment["OKOS_RETRY_ATTEMPTS"] = "0"
    with machine.on_a_terminal("chat") as terminal:
        terminal.wait_for("you> ")
        terminal.type("\r \rfail\r")
        terminal.wait_for("Sorry")
        terminal.type("hello\r")
        terminal.wait_for("you said hello")
        leave(terminal)


@pytest.mark.parametrize("while_answering", [False, True])
def test_control_c_leaves_a_terminal_as_it_was(machine: Machine, *, while_answering: bool) -> None:
    with machine.on_a_terminal("chat") as terminal:
        terminal.wait_for("you> ")
        if while_answering:
            terminal.type("wait\r")
            eventually((machine.directory / "begun").exists)
        terminal.interrupt()

        assert terminal.status() == 130
        assert "Traceback" not in terminal.shown()
    assert list(machine.temporary.iterdir()) == []

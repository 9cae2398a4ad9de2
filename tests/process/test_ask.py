"""`okos ask`: the answer on stdout and nothing else, or one line that says why there is none."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from local_commands import Machine, a_machine
from PIL import Image
from real_server import eventually

from okos.private import PrivateOkos, private_okos
from okos.settings import Settings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[Machine]:
    with a_machine() as machine:
        yield machine


@contextmanager
def a_running_okos(machine: Machine) -> Iterator[PrivateOkos]:
    """Run an Okos in the machine's home, as `okos up` does."""
    with private_okos(machine.home, settings=Settings(home=machine.home)) as okos:
        okos.wait_ready()
        yield okos


def is_refused(done: subprocess.CompletedProcess[str], reason: str) -> bool:
    """Whether a command said why in one line, and nothing else."""
    assert reason in done.stderr
    assert done.stderr.startswith("okos: ")
    return (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_with_nothing_running_a_private_okos_answers_and_leaves_nothing_behind(machine: Machine) -> None:
    done = machine.okos("ask", "hello", "there")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[offline] I got your text of 11 characters in 2 words: “hello there”.")
    assert list(machine.temporary.iterdir()) == []
    assert list(machine.home.iterdir()) == []


def test_the_text_may_come_from_a_pipe(machine: Machine) -> None:
    assert "“piped”" in machine.okos("ask", stdin="piped\n").stdout
    assert "“dash”" in machine.okos("ask", "-", stdin="dash").stdout


def test_a_running_okos_is_found_by_its_home_and_knows_each_user(machine: Machine) -> None:
    with a_running_okos(machine):
        assert "earlier turn" not in machine.okos("ask", "one").stdout
        assert "I remember 1 earlier turn" in machine.okos("ask", "two").stdout
        assert "earlier turn" not in machine.okos("ask", "--user", "Ada", "three").stdout
        assert list(machine.temporary.iterdir()) == []


def test_a_running_okos_is_found_by_its_address(machine: Machine) -> None:
    with a_running_okos(machine) as okos:
        for _ in range(2):
            done = machine.okos("ask", "hello", OKOS_REDIS_URL=okos.url, OKOS_HOME="/nowhere")

    assert "I remember 1 earlier turn" in done.stdout


def test_a_server_without_a_worker_is_no_running_okos(machine: Machine, url: str, namespace: str) -> None:
    done = machine.okos("ask", "hello", OKOS_REDIS_URL=url, OKOS_NAMESPACE=namespace)

    assert done.stdout.startswith("[offline]")


def test_a_photo_and_a_sticker_are_answered(machine: Machine) -> None:
    Image.new("RGB", (30, 20), "red").save(machine.directory / "red.png")
    (machine.directory / "note.jpg").write_text("only words")

    with a_running_okos(machine):
        photo = machine.okos("ask", "--photo", "red.png", "What is this?").stdout
        sticker = machine.okos("ask", "--sticker", "🎉").stdout
        no_photo = machine.okos("ask", "--photo", "note.jpg")

    assert "PNG, 30 x 20 pixels" in photo
    assert "party popper" in sticker
    assert no_photo.returncode == 0
    assert "I could not read this as a photo" in no_photo.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        ([""], b"", "the text is empty"),
        ([], b"\n", "the text is empty"),
        (["-"], b"a" * 1024 * 1024, "65,536 bytes"),
        (["-"], b"PK\0", "null bytes"),
        (["--photo", "nothing.jpg"], b"", "there is no such file"),
        (["--photo", "."], b"", "is a directory"),
        (["--sticker", "smile"], b"", "one emoji"),
        (["--user", "a b", "hello"], b"", "a number or a name"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    machine: Machine, arguments: list[str], stdin: bytes, reason: str
) -> None:
    assert is_refused(machine.okos("ask", *arguments, stdin=stdin), reason)


def test_a_home_that_cannot_be_used_is_told_in_one_line(machine: Machine) -> None:
    machine.home.write_text("a file")

    assert is_refused(machine.okos("ask", "hello"), "cannot be used")


def test_a_server_that_is_down_is_told_in_one_line(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert is_refused(machine.okos("ask", "hello", OKOS_REDIS_URL=f"redis://127.0.0.1:{port}"), f"{port}")


def test_a_message_that_is_given_up_on_ends_with_the_apology(machine: Machine) -> None:
    done = machine.with_handlers().okos("ask", "fail", OKOS_RETRY_ATTEMPTS="0")

    assert is_refused(done, "Sorry, something went wrong")
    assert "secret" not in done.stderr


def test_an_answer_of_several_replies_is_printed_whole_and_an_empty_one_told(machine: Machine) -> None:
    machine.with_handlers()

    assert machine.okos("ask", "twice").stdout == "one\n\nyou said twice\n"
    assert is_refused(machine.okos("ask", "nothing"), "gave no answer")


def test_an_answer_that_does_not_come_in_time_is_told(machine: Machine) -> None:
    assert is_refused(machine.with_handlers().okos("ask", "--timeout", "0.5", "wait"), "no answer within 0.5 s")


def test_handlers_that_cannot_be_loaded_are_told_in_one_line(machine: Machine) -> None:
    assert is_refused(machine.okos("ask", "hello", OKOS_HANDLERS="missing"), "missing")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleaned_up(machine: Machine, signum: signal.Signals) -> None:
    with machine.with_handlers().started("ask", "wait") as command:
        eventually((machine.directory / "begun").exists)
        command.send_signal(signum)
        stdout, stderr = command.communicate(timeout=60)

    assert (command.returncode, stdout, stderr) == (128 + signum, "", "")
    assert list(machine.temporary.iterdir()) == []


def test_many_at_once_share_one_running_okos_and_each_gets_its_own_answer(machine: Machine) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = machine.okos("ask", f"question-{number}").stdout

    with a_running_okos(machine):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert all(f"“question-{number}”" in answer for number, answer in answers.items())
    assert len(answers) == 4

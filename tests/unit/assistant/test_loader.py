"""From a package of handlers to actors. Each package is written to a directory of its own and imported from there."""

from __future__ import annotations

import itertools
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from doubles import FakeRun, FakeStore, an_assistant, an_envelope
from dramatiq.brokers.stub import StubBroker

from okos.assistant.loader import NoHandlers, TwoHandlers, load
from okos.assistant.mark import BadHandler
from okos.errors import OkosError

if TYPE_CHECKING:
    from pathlib import Path

    from dramatiq import Broker

_numbers = itertools.count()

ANSWER = """
    from okos.assistant import Turn, handles

    @handles("text")
    async def answer(turn: Turn) -> None:
        await turn.reply("hi")
"""
SWEEP = """
    from okos.assistant import maintains

    @maintains("sweep")
    def sweep(broker: object) -> None:
        broker.swept = True
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def a_package(directory: Path, **modules: str) -> str:
    """Write a package that no other test has imported; `init` is the package itself."""
    name = f"handlers_{next(_numbers)}"
    package = directory / name
    package.mkdir()
    for module, source in {"init": "", **modules}.items():
        file = package / f"{'__init__' if module == 'init' else module}.py"
        file.write_text(dedent(source).replace("PACKAGE", name))
    return name


def loaded(package: str, store: FakeStore | None = None) -> Broker:
    broker = StubBroker()
    load(package, broker, an_assistant(store or FakeStore(), FakeRun()))
    return broker


def test_each_kind_has_an_actor_and_a_queue_of_its_name(directory: Path) -> None:
    store = FakeStore()
    broker = loaded(a_package(directory, text=ANSWER), store)

    actor = broker.get_actor("text")
    actor(an_envelope().encode())

    assert actor.queue_name == "text"
    assert [reply.text for reply in store.replies] == ["hi"]


def test_maintenance_has_a_queue_of_its_own_and_gets_the_broker(directory: Path) -> None:
    broker = loaded(a_package(directory, text=ANSWER, sweep=SWEEP))

    actor = broker.get_actor("sweep")
    actor()

    assert actor.queue_name == "maintenance"
    assert actor.options["max_retries"] == 0
    assert getattr(broker, "swept", False)


def test_a_kind_without_a_handler_is_told_so(directory: Path) -> None:
    store = FakeStore()
    broker = loaded(a_package(directory, text=ANSWER, photo=ANSWER.replace('"text"', '"photo"')), store)

    broker.get_actor("unsupported")(an_envelope(kind="voice").encode())

    assert store.replies[0].text == "I can't read that kind of message yet: voice. I understand photo and text."


def test_an_operator_may_say_it_in_their_own_words(directory: Path) -> None:
    store = FakeStore()
    own = ANSWER.replace('"text"', '"unsupported"').replace('"hi"', '"Nope."')
    broker = loaded(a_package(directory, text=ANSWER, other=own), store)

    broker.get_actor("unsupported")(an_envelope(kind="voice").encode())

    assert store.replies[0].text == "Nope."


def test_one_function_may_handle_several_kinds(directory: Path) -> None:
    package = a_package(directory, text=ANSWER.replace('"text"', '"text", "photo"'))

    assert load(package, StubBroker(), an_assistant(FakeStore(), FakeRun())) == ["photo", "text"]


def test_a_handler_that_is_imported_elsewhere_is_still_one(directory: Path) -> None:
    package = a_package(directory, text=ANSWER, other="from PACKAGE.text import answer\n__all__ = ['answer']")

    assert "text" in loaded(package).actors


def test_a_single_module_will_do(directory: Path) -> None:
    (directory / "one_module.py").write_text(dedent(ANSWER))

    assert "text" in loaded("one_module").actors


def test_two_handlers_for_one_kind_are_named(directory: Path) -> None:
    package = a_package(directory, text=ANSWER, other=ANSWER.replace("answer", "reply_too"))

    with pytest.raises(TwoHandlers, match=rf"'text': {package}.other.reply_too and {package}.text.answer"):
        loaded(package)


def test_a_kind_and_maintenance_of_one_name_are_two_handlers(directory: Path) -> None:
    with pytest.raises(TwoHandlers, match="'sweep'"):
        loaded(a_package(directory, text=ANSWER.replace('"text"', '"sweep"'), sweep=SWEEP))


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.handlers", "okos.no_such_package"])
def test_a_missing_package_is_named(name: str) -> None:
    with pytest.raises(NoHandlers, match=f"no package {name}"):
        loaded(name)


def test_a_package_without_handlers_is_named(directory: Path) -> None:
    with pytest.raises(NoHandlers, match=r"no function in the package handlers_\d+ is marked"):
        loaded(a_package(directory, sweep=SWEEP))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", r"ModuleNotFoundError: .*broken\.py, line 1\)"),
        ("\nraise ValueError('why')", r"ValueError: why .*broken\.py, line 2\)"),
        ("def (", r"SyntaxError: .*broken\.py, line 1\)"),
        ("from okos.assistant import no_such_name", r"ImportError: .*broken\.py, line 1\)"),
    ],
)
def test_a_module_that_cannot_be_imported_says_where(directory: Path, source: str, reason: str) -> None:
    with pytest.raises(NoHandlers, match=reason) as error:
        loaded(a_package(directory, text=ANSWER, broken=source))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"text"', '"Text"', "'Text', which cannot be"),
        ('"text"', '"outbox.text"', "'outbox.text', which cannot be"),
        ('"text"', '"maintenance"', "'maintenance', which cannot be"),
    ],
)
def test_a_mark_on_what_cannot_be_a_handler_says_why(directory: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(BadHandler, match=reason):
        loaded(a_package(directory, text=ANSWER.replace(old, new)))


def test_a_handler_that_is_not_async_says_why(directory: Path) -> None:
    source = """
        from okos.assistant import handles

        @handles("text")
        def answer(turn): ...
    """

    with pytest.raises(BadHandler, match=r"text\.answer should be `async def`"):
        loaded(a_package(directory, text=source))


def test_maintenance_that_is_async_says_why(directory: Path) -> None:
    with pytest.raises(BadHandler, match="should be a plain `def`"):
        loaded(a_package(directory, text=ANSWER, sweep=SWEEP.replace("def sweep", "async def sweep")))


def test_importing_the_shipped_handlers_declares_nothing_and_loading_them_declares_all() -> None:
    broker = loaded("actors")

    kinds = {"document", "photo", "sticker", "text", "unsupported", "voice"}
    assert set(broker.actors) == {"canary", "prune", "sweep"} | kinds
    assert issubclass(NoHandlers, OkosError)
    assert "actors.text" in sys.modules

"""docs/engine.md names all that is for others to use, with the defaults that it has."""

import inspect
import re
from pathlib import Path

import dramatiq
import pytest

import okos.mailbox
import okos.middleware
from okos.mailbox import MailboxBroker

PAGE = (Path(__file__).parents[3] / "docs" / "engine.md").read_text(encoding="utf-8")
NAMES = set(re.findall(r"\w+", " ".join(re.findall(r"(?s)```.*?```|`[^`]+`", PAGE))))

#: What the parts of the broker ask of each other.
INTERNAL = {"boot", "drain", "options", "options_now", "publication", "stop_engine", "time_limit_ms"}
OPERATIONS = sorted(
    name
    for name in dir(MailboxBroker)
    if not name.startswith("_") and not hasattr(dramatiq.Broker, name) and name not in INTERNAL
)
#: What is caught, called or returned to the engine; the values that operations return describe themselves.
EXPORTED = sorted(
    name
    for name in okos.mailbox.__all__
    if inspect.isfunction(one := getattr(okos.mailbox, name))
    or (inspect.isclass(one) and (issubclass(one, BaseException) or one.__module__.endswith((".decision", ".policy"))))
)
MIDDLEWARES = [getattr(okos.middleware, name) for name in okos.middleware.__all__]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_described(name: str) -> None:
    assert name in NAMES


@pytest.mark.parametrize("name", EXPORTED)
def test_what_is_exported_is_described(name: str) -> None:
    assert name in NAMES


@pytest.mark.parametrize("name", sorted(MailboxBroker("redis://127.0.0.1").actor_options | {"delay", "dedup_id"}))
def test_an_option_has_its_row(name: str) -> None:
    rows = re.findall(r"(?m)^\| (`[^|]+) \|", PAGE)

    assert any(f"`{name}`" in row for row in rows)


@pytest.mark.parametrize("middleware", MIDDLEWARES, ids=lambda middleware: middleware.__name__)
def test_a_middleware_has_its_row_with_its_arguments_and_their_defaults(middleware: type) -> None:
    (row,) = re.findall(rf"(?m)^\| `okos\.middleware\.{middleware.__name__}` \| (.*) \|$", PAGE)

    for name, parameter in inspect.signature(middleware).parameters.items():
        default = parameter.default
        said = f"{default:_}" if isinstance(default, int) and default >= 1_000 else repr(default)
        assert f"`{name}={said}`" in row or f"`{name}={default!r}`" in row


def test_the_broker_s_arguments_have_their_rows() -> None:
    for name in inspect.signature(MailboxBroker).parameters:
        assert f"\n| `{name}` |" in PAGE

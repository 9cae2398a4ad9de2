"""From a package of handlers to Dramatiq actors: one a kind of message, one a piece of maintenance.

The package is named by the settings and imported here, at the start of a worker; Okos itself imports no handler.
Whatever is wrong with it is one line that says what to do.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

import dramatiq

from okos.assistant.mark import MAINTENANCE_QUEUE, Mark, marked_functions
from okos.envelope import BadEnvelope
from okos.errors import OkosError
from okos.model import ModelRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from okos.assistant.attend import Assistant
    from okos.assistant.mark import Handler
    from okos.assistant.turn import Turn

# Messages of a kind that no handler is for are sent to the actor of this name.
UNSUPPORTED = "unsupported"
# A message to this one shows that a worker handles what is sent; see okos/operate/health.py.
CANARY = "canary"


class NoHandlers(OkosError):
    """The package of handlers cannot be used; the message says what is wrong with it."""


class TwoHandlers(OkosError):
    """Two functions are marked for the same thing."""


def load(package_name: str, broker: dramatiq.Broker, assistant: Assistant) -> list[str]:
    """Declare an actor for every marked function of a package, and one for the kinds that have none.

    Returns:
        The kinds of messages that have a handler.

    Raises:
        NoHandlers: There is no such package, it cannot be imported, or nothing in it is marked.
        TwoHandlers: As named.
        BadHandler: A mark is on what cannot be a handler.
    """
    found = _by_name(_modules(package_name))
    handlers = {name: function for name, (mark, function) in found.items() if mark.purpose == "handles"}
    if not handlers:
        raise NoHandlers(f"no function in the package {package_name} is marked with @handles(…)")
    kinds = sorted(set(handlers) - {UNSUPPORTED})
    handlers.setdefault(UNSUPPORTED, _unsupported(kinds))
    for name, handler in handlers.items():
        _declare_kind(broker, name, partial(assistant.attend, handler))
    for name, (mark, function) in found.items():
        if mark.purpose == "maintains":
            _declare_maintenance(broker, name, function)
    if CANARY not in found:
        _declare_maintenance(broker, CANARY, lambda _broker: None)
    return kinds


# Any, here and below: a marked function of either purpose.
def _by_name(modules: Iterator[ModuleType]) -> Mapping[str, tuple[Mark, Callable[..., Any]]]:
    found: dict[str, tuple[Mark, Callable[..., Any]]] = {}
    for module in modules:
        for function, mark in marked_functions(module):
            _, other = found.setdefault(mark.name, (mark, function))
            # One function may be seen twice: where it is written and where it is imported.
            if other is not function:
                raise TwoHandlers(
                    f"two functions are for {mark.name!r}: {_place(other)} and {_place(function)}; leave one"
                )
    return found


def _modules(package_name: str) -> Iterator[ModuleType]:
    if not _exists(package_name):
        raise NoHandlers(
            f"there is no package {package_name} (the setting `handlers`) in the current directory or installed"
        )
    package = _imported(package_name)
    yield package
    # A module that is no package holds its handlers itself.
    for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
        yield _imported(f"{package.__name__}.{module.name}")


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        # A package above it is missing.
        return False


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except OkosError:
        raise
    except Exception as error:
        # Whatever an operator's module raises while it is imported, the start ends with where it was raised.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}, line {place.lineno}"
        if isinstance(error, SyntaxError):
            where = f"{error.filename}, line {error.lineno}"
        reason = " ".join(str(error).split())
        raise NoHandlers(f"cannot import {name}: {type(error).__name__}: {reason} ({where})") from error


def _unsupported(kinds: list[str]) -> Handler:
    known = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)

    async def unsupported(turn: Turn) -> None:
        """Say so, rather than nothing."""
        kind = turn.envelope.kind
        await turn.reply(f"I can't read that kind of message yet: {kind}. I understand {known}.")

    return unsupported


def _declare_kind(broker: dramatiq.Broker, kind: str, attend: Callable[[object], None]) -> None:
    @dramatiq.actor(broker=broker, actor_name=kind, queue_name=kind, throws=(BadEnvelope, ModelRefused))
    def attend_one(body: object) -> None:
        attend(body)


def _declare_maintenance(broker: dramatiq.Broker, name: str, maintain: Callable[[Any], None]) -> None:
    # No retry: the next one is sent soon anyway.
    @dramatiq.actor(broker=broker, actor_name=name, queue_name=MAINTENANCE_QUEUE, max_retries=0)
    def maintain_once() -> None:
        maintain(broker)


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"

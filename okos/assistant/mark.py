"""How a module of handlers says what its functions are for: a mark on the function, and nothing else.

Marking registers nothing and connects to nothing: importing a handler has no effect, and a test can call it
like any function. The loader finds the marks.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from okos.errors import OkosError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from okos.assistant.turn import Turn

    Handler = Callable[[Turn], Awaitable[None]]
    # Any: the broker in full, which only the loader and the handler need to agree on.
    Maintenance = Callable[[Any], None]

_Handler = TypeVar("_Handler", bound="Handler")
_Maintenance = TypeVar("_Maintenance", bound="Maintenance")

MAINTENANCE_QUEUE = "maintenance"

_ATTRIBUTE = "__okos_marks__"
# A kind is a queue's name, and the outboxes' names hold a dot.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class BadHandler(OkosError):
    """A function is marked as something that it cannot be; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a function is for: the messages of one kind, or one piece of maintenance."""

    purpose: Literal["handles", "maintains"]
    name: str


def handles(*kinds: str) -> Callable[[_Handler], _Handler]:
    """Mark a coroutine function as the handler of the messages of these kinds."""

    def mark(function: _Handler) -> _Handler:
        is_async = inspect.iscoroutinefunction(function)
        if not is_async:
            raise BadHandler(f"{_named(function)} should be `async def`: it handles {', '.join(kinds)}")
        _add_marks(function, "handles", kinds)
        return function

    return mark


def maintains(name: str) -> Callable[[_Maintenance], _Maintenance]:
    """Mark a function as the maintenance that the scheduler sends under this name."""

    def mark(function: _Maintenance) -> _Maintenance:
        is_async = inspect.iscoroutinefunction(function)
        if is_async:
            raise BadHandler(f"{_named(function)} should be a plain `def`: it maintains {name}")
        _add_marks(function, "maintains", (name,))
        return function

    return mark


# Any: whatever stands in a module.
def marked_functions(module: ModuleType) -> list[tuple[Any, Mark]]:
    """Find the functions of a module that are marked, in the order in which they stand there."""
    functions = [value for value in vars(module).values() if inspect.isfunction(value)]
    return [(function, mark) for function in functions for mark in getattr(function, _ATTRIBUTE, ())]


def _add_marks(function: object, purpose: Literal["handles", "maintains"], names: tuple[str, ...]) -> None:
    for name in names:
        if not _NAME.fullmatch(name) or name == MAINTENANCE_QUEUE:
            raise BadHandler(
                f"{_named(function)} {purpose} {name!r}, which cannot be: a name has lower-case letters,"
                f" digits, '-' and '_', begins with a letter and is not {MAINTENANCE_QUEUE!r}"
            )
    marks = tuple(Mark(purpose, name) for name in names)
    setattr(function, _ATTRIBUTE, (*getattr(function, _ATTRIBUTE, ()), *marks))


def _named(function: object) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"

"""Building and naming TL objects, the same for every layer that the installed library knows.

The data centre speaks the layer of the library that the interpreter has (pyrogram 2.0.106: 158; kurigram: above 200):
it reads and writes through that library's own generated constructors. What differs between layers is bridged here.
"""

import functools
import inspect
from typing import Any

from pyrogram import raw
from pyrogram.raw.core import TLObject, Vector
from pyrogram.raw.core.primitives import Bool

F: Any = raw.functions  # generated and untyped, like everything below it
T: Any = raw.types


class Written(TLObject):  # type: ignore[misc]  # the library has no types
    """What is serialised already: results that are no constructors, and stored fragments."""

    QUALNAME = "Written"

    def __init__(self, written: bytes) -> None:
        self._written = written

    def write(self, *_: Any) -> bytes:
        """Return it as it is."""
        return self._written


TRUE = Written(Bool(True))  # noqa: FBT003 -- TL's own constructor
FALSE = Written(Bool(False))  # noqa: FBT003


def vector(items: list[Any]) -> Written:
    """Return a vector as a result of its own."""
    return Written(Vector(items))


def build(constructor: Any, **fields: Any) -> Any:
    """Build a TL object: fields that this layer does not have are left out, required ones not named are zero."""
    zeros, known = _shape(constructor)
    return constructor(
        **{
            **{name: zero() for name, zero in zeros.items() if name not in fields},
            **{name: value for name, value in fields.items() if name in known},
        }
    )


def name_of(query: Any) -> str:
    """Return a function's name as the documentation has it, with the library's capitals: `messages.SendMessage`."""
    return str(query.QUALNAME).removeprefix("functions.")


@functools.cache
def _shape(constructor: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the zero of each required field, and the names of all fields."""
    parameters = {name: p for name, p in inspect.signature(constructor.__init__).parameters.items() if name != "self"}
    required = {name: p for name, p in parameters.items() if p.default is inspect.Parameter.empty}
    return {name: _zero(str(p.annotation).lower()) for name, p in required.items()}, frozenset(parameters)


def _zero(annotation: str) -> type:
    for word, zero in (("list", list), ("str", str), ("bool", bool), ("bytes", bytes)):
        if word in annotation:
            return zero
    return int

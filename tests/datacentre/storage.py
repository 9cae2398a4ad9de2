"""The state in a file: the world and the record, written whole and put in place at once."""

import pickle
import sys
from pathlib import Path
from typing import Any

from .record import Record
from .world import World

_PACKAGE = __name__.rpartition(".")[0]


class _Reader(pickle.Unpickler):
    """Reads nothing but this package's own classes."""

    def find_class(self, module: str, name: str) -> Any:
        package, _, inner = module.rpartition(".")
        if not package.endswith("datacentre"):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a data centre's state")
        return getattr(sys.modules[f"{_PACKAGE}.{inner}"], name)


def save(path: Path, world: World, record: Record) -> None:
    """Write the state."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(pickle.dumps((world, record)))
    beside.replace(path)


def load(path: Path) -> tuple[World, Record]:
    """Read the state.

    Raises:
        pickle.UnpicklingError: the file has something else.
    """
    with path.open("rb") as file:
        world, record = _Reader(file).load()
    assert isinstance(world, World)
    assert isinstance(record, Record)
    return world, record

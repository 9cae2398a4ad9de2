"""The state in a file: the world and the record, written whole and put in place at once."""

import dataclasses
import pickle
import sys
from pathlib import Path
from typing import Any

from . import entities, record, world

_PACKAGE = __name__.rpartition(".")[0]
_KEPT = (
    entities.Entity,
    record.Event,
    record.Record,
    record.RpcCall,
    world.Box,
    world.Change,
    world.Chat,
    world.Media,
    world.Message,
    world.User,
    world.World,
)
# What a file must have been written with: every field of everything that it holds.
_FORM = {kept.__name__: [field.name for field in dataclasses.fields(kept)] for kept in _KEPT}


class UnreadableState(Exception):
    """The file holds something else than a state of this version."""


class _Reader(pickle.Unpickler):
    """Reads nothing but this package's own classes."""

    def find_class(self, module: str, name: str) -> Any:
        package, _, inner = module.rpartition(".")
        if not package.endswith("datacentre"):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a data centre's state")
        return getattr(sys.modules[f"{_PACKAGE}.{inner}"], name)


def save(path: Path, its_world: world.World, its_record: record.Record) -> None:
    """Write the state."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(pickle.dumps(_FORM) + pickle.dumps((its_world, its_record)))
    beside.replace(path)


def load(path: Path) -> tuple[world.World, record.Record]:
    """Read the state.

    Raises:
        UnreadableState: it is none, or one of another version.
    """
    with path.open("rb") as file:
        try:
            if _Reader(file).load() != _FORM:
                raise UnreadableState(path)
            its_world, its_record = _Reader(file).load()
        except (pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
            raise UnreadableState(path) from error
    return its_world, its_record

"""Small things kept under a name (a conversation, a file on its way), always with an end.

Handlers change them by effects of their run (`effect.py`); what stands outside a run reads and writes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from okos.mailbox.store import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from okos.mailbox.store import Store


class Shelf:
    """The stored values and lists of one namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str) -> bytes | None:
        """Read a value; None when there is none or it has ended."""
        with translated():
            return cast("bytes | None", self._store.client.get(self._store.key(f"store:s:{name}")))

    def read_list(self, name: str) -> list[bytes]:
        """Read a list, oldest first; empty when there is none."""
        with translated():
            return cast("list[bytes]", self._store.client.lrange(self._store.key(f"store:l:{name}"), 0, -1))

    def write(self, name: str, value: bytes, *, ttl_ms: int) -> None:
        """Write a value that ends after `ttl_ms`."""
        self._store.require_schema()
        with translated():
            self._store.client.set(self._store.key(f"store:s:{name}"), value, px=ttl_ms)

    def write_all(self, values: Mapping[str, bytes], *, ttl_ms: int) -> None:
        """Write several values in one round trip."""
        self._store.require_schema()
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for name, value in values.items():
                pipeline.set(self._store.key(f"store:s:{name}"), value, px=ttl_ms)
            pipeline.execute()

    def delete(self, name: str) -> None:
        """Delete a value or a list now."""
        self._store.require_schema()
        with translated():
            self._store.client.delete(self._store.key(f"store:s:{name}"), self._store.key(f"store:l:{name}"))

"""What a turn needs, written by hand: a model, a broker's store, a run, a clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from okos.assistant.attend import Assistant
from okos.envelope import Attachment, Envelope, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    import dramatiq

    from okos.assistant.turn import Model
    from okos.model import Conversation


def an_envelope(
    *,
    kind: str = "text",
    text: str = "hello",
    emoji: str = "",
    attachment: Attachment | None = None,
    message_id: str = "m1",
) -> Envelope:
    return Envelope(
        id=message_id,
        channel="local",
        chat="7",
        user="7",
        kind=kind,
        text=text,
        emoji=emoji,
        attachment=attachment,
        sent_at_ms=1_000,
        reply_to="outbox.local.3f2a",
    )


@dataclass
class SaysModel:
    """Says these pieces, then fails with `error` if there is one; remembers what it was asked."""

    pieces: Sequence[str] = ("Hel", "lo")
    error: Exception | None = None
    asked: list[Conversation] = field(default_factory=list)
    closed: int = 0

    async def stream(self, conversation: Conversation) -> AsyncIterator[str]:
        self.asked.append(conversation)
        try:
            for piece in self.pieces:
                yield piece
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


@dataclass
class FakeRun:
    """An attempt; keeps what it is given."""

    token: str = "t1"  # noqa: S105 - not a secret
    appended: list[tuple[str, bytes, int, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    apologies: list[Reply] = field(default_factory=list)

    def append(self, name: str, value: bytes, *, keep: int, ttl_ms: int) -> None:
        self.appended.append((name, value, keep, ttl_ms))

    def delete(self, name: str) -> None:
        self.deleted.append(name)

    # Any, here and below: the type of a message's result.
    def on_dead(self, message: dramatiq.Message[Any]) -> None:
        self.apologies.append(Reply.decode(message.args[0]))


@dataclass
class FakeStore:
    """A store of stored values, and of what was published."""

    values: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    lists: dict[str, list[bytes]] = field(default_factory=dict)
    previews: list[tuple[str, bytes]] = field(default_factory=list)
    published: list[dramatiq.Message[Any]] = field(default_factory=list)

    def read(self, name: str) -> bytes | None:
        return self.values.get(name)

    def read_list(self, name: str) -> list[bytes]:
        return self.lists.get(name, [])

    def write(self, name: str, value: bytes, *, ttl_ms: int) -> None:
        self.values[name], self.written[name] = value, ttl_ms

    def preview(self, channel: str, payload: bytes) -> None:
        self.previews.append((channel, payload))

    def enqueue(self, message: dramatiq.Message[Any]) -> object:
        self.published.append(message)
        return message

    @property
    def replies(self) -> list[Reply]:
        return [Reply.decode(message.args[0]) for message in self.published]


def run_it(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def an_assistant(
    store: FakeStore, run: FakeRun | None, model: Model | None = None, *, memory_turns: int = 20
) -> Assistant:
    return Assistant(
        store=store,
        model=model or SaysModel(),
        system_prompt="Be brief.",
        memory_turns=memory_turns,
        memory_ttl_ms=1_000,
        max_backoff_ms=60_000,
        current_run=lambda: run,
        wait_for=run_it,
        now_ms=lambda: 0,
    )

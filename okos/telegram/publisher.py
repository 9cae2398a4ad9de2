"""The way from the gateway's event loop into the store: in order, off the loop, and again until it is done.

Messages are gathered and published together with how far we are, in one script: what is published is never fetched
again, and what is not will be. While the store is away the last batch is repeated, which changes nothing when it has
arrived already; what comes meanwhile waits in the inbox.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog

from okos.mailbox import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import Message

    from okos.envelope import Envelope
    from okos.telegram.store import GatewayStore

P = ParamSpec("P")
R = TypeVar("R")

#: Published in one script; a message with files counts twice.
AT_ONCE = 50

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0

_log = structlog.get_logger()


class Publisher:
    """Used on the event loop by one consumer.

    Args:
        store: The gateway's.

    Attributes:
        on_outcome: Is told what became of each envelope that was published: new, seen or full.
        is_away: Whether the store does not answer at the moment.
    """

    def __init__(self, store: GatewayStore) -> None:
        self.on_outcome: Callable[[Envelope, str], None] = lambda *_: None
        self.is_away = False
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="okos-telegram-store")
        self._messages: list[tuple[Message[Any], Envelope | None]] = []  # Any: Dramatiq's
        self._progress: dict[int, tuple[int, int]] = {}

    def add(self, message: Message[Any], envelope: Envelope | None = None) -> None:  # Any: Dramatiq's
        """Publish this with the next flush; an envelope if it is one."""
        self._messages.append((message, envelope))

    def reach(self, box: int, pts: int, access_hash: int) -> None:
        """Note with the next flush how far a box is, once all before is published."""
        self._progress[box] = (pts, access_hash)

    @property
    def is_loaded(self) -> bool:
        """Whether it is time to flush."""
        return len(self._messages) >= AT_ONCE

    async def flush(self) -> None:
        """Publish what was gathered; comes back when it is in the store.

        Raises:
            LeaseLost: Another gateway has taken over; nothing was written.
        """
        while self._messages or self._progress:
            messages, progress = self._messages, self._progress
            self._messages, self._progress = [], {}
            outcomes = await self.ask(self._store.publish, [message for message, _ in messages], progress)
            for (_, envelope), outcome in zip(messages, outcomes, strict=True):
                if envelope is not None:
                    # May add what the user is told, which the next round publishes.
                    self.on_outcome(envelope, outcome)

    async def ask(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the store, off the loop, again and again until it answers."""
        pause_s = _FIRST_PAUSE_S
        while True:
            call = asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
            try:
                answer = await call
            except StoreUnavailable as error:
                if not self.is_away:
                    _log.warning("the store is away; what Telegram sends waits", reason=str(error))
                self.is_away = True
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if self.is_away:
                    _log.info("the store is back")
                self.is_away = False
                return answer

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._thread.shutdown(wait=False)

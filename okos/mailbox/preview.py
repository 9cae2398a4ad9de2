"""Previews: what is being written, shown to whoever listens now. Pub/sub: nothing is kept, nothing is promised."""

from __future__ import annotations

import contextlib
import logging
import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Self, cast

from okos.mailbox.errors import StoreUnavailable
from okos.mailbox.store import translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from okos.mailbox.store import Store

log = logging.getLogger(__name__)

#: When the server is slow previews are dropped, not piled up.
MOST_QUEUED = 4096
QUIET_S = 1.0
CONFIRM_S = 5.0


class PreviewSender:
    """Sends previews from a thread of its own, several in one round trip."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = store.another_connection()
        self._queue: Queue[tuple[bytes, bytes] | None] = Queue(MOST_QUEUED)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="okos-previews", daemon=True)
        self._thread.start()

    def send(self, channel: str, payload: bytes) -> None:
        """Queue one preview, or drop it: what cannot be sent would take others with it."""
        try:
            key = self._store.key(f"preview:{channel}").encode()
        except UnicodeEncodeError:
            log.warning("a preview was dropped: its channel is not Unicode text: %a", channel[:40])
            return
        if not isinstance(cast("object", payload), bytes):
            log.warning("a preview was dropped: it must be bytes, not %s", type(payload).__name__)
            return
        try:
            self._queue.put_nowait((key, payload))
        except Full:
            log.debug("a preview was dropped: the server is slow")

    def close(self) -> None:
        """Stop the thread after what is queued; waits for a bounded time only."""
        self._closing.set()
        with contextlib.suppress(Full):  # then it does not wait for more, and sees that it is to end
            self._queue.put_nowait(None)
        self._thread.join(2.0)
        self._client.close()

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < 64:  # noqa: PLR2004  # as many as a round trip carries well
                try:
                    batch.append(self._queue.get_nowait())
                except Empty:
                    break
            try:
                with translated():
                    pipeline = self._client.pipeline(transaction=False)
                    for preview in batch:
                        if preview is not None:
                            pipeline.publish(*preview)
                    pipeline.execute()
            except StoreUnavailable as error:
                log.debug("previews were lost: %s", error)
            except Exception:
                log.exception("previews were lost to an error that is not known; the next ones are sent")
            if None in batch or (self._closing.is_set() and self._queue.empty()):
                return


class Previews:
    """Listening to one channel, from entering until leaving."""

    def __init__(self, store: Store, channel: str) -> None:
        self._channel = store.key(f"preview:{channel}")
        self._client = store.another_connection()
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis-py's

    def __enter__(self) -> Self:
        with translated():
            self._pubsub.subscribe(self._channel)
            # What is sent from now on is heard only once the server has confirmed.
            self._pubsub.get_message(ignore_subscribe_messages=False, timeout=CONFIRM_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pubsub.close()
        self._client.close()

    def __iter__(self) -> Iterator[bytes | None]:
        """Give each payload as it comes, and None after each second without one."""
        while True:
            with translated():
                message = self._pubsub.get_message(timeout=QUIET_S)
            yield None if message is None else cast("bytes", message["data"])

"""What takes messages in from elsewhere and must not do it twice: leases, and publishing that says how far it has come.

A source that numbers its updates (Telegram's pts, an offset) is read by one process at a time. It publishes what
arrived together with its position, in one step: after a crash the next one goes on from exactly there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dramatiq.broker import Broker

from okos.mailbox.delivery import current_run
from okos.mailbox.errors import LeaseLost
from okos.mailbox.publication import prepare
from okos.mailbox.store import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dramatiq

    from okos.mailbox.publication import Publication
    from okos.mailbox.store import Store

#: One call is one script; more would keep everybody else waiting.
MOST_AT_ONCE = 64
MOST_BYTES_AT_ONCE = 8 * 1024 * 1024


class Publishing(Broker):
    """The half of `MailboxBroker` that a source of messages uses.

    Every method raises StoreUnavailable when the server does not answer.
    """

    store: Store

    def enqueue_all(
        self,
        messages: Sequence[dramatiq.Message[Any]],  # Any: what the actors would return
        *,
        progress: Mapping[str, bytes] | None = None,
        lease: tuple[str, str] | None = None,
    ) -> list[str]:
        """Put messages in, in their order, and write how far their sender has come: all of it or nothing.

        Args:
            messages: At most 64 and 8 MiB. None at all writes the progress alone.
            progress: Field -> value, kept until it is written again. See `progress()`.
            lease: Its name and its holder: unless that one holds it, nothing is written.

        Returns:
            What became of each: 'new', 'seen' (it had been accepted before), 'merged', or 'full' (its mailbox holds
            `max_backlog` messages; it was not accepted, and the others were).

        Raises:
            ValueError: Too many or too large, or called by a handler, whose messages are effects of its run.
            BadMessage: An option of one has a value that cannot be kept; nothing was written.
            LeaseLost: The lease is another's.
        """
        if current_run() is not None:
            raise ValueError("enqueue_all is not for handlers: what they enqueue is written when their run ends")
        for message in messages:
            self.emit_before("enqueue", message, None)
        publications = [self.publication(message) for message in messages]
        size = sum(len(publication.body) for publication in publications)
        if len(publications) > MOST_AT_ONCE or size > MOST_BYTES_AT_ONCE:
            raise ValueError(
                f"enqueue_all takes {MOST_AT_ONCE} messages and {MOST_BYTES_AT_ONCE} bytes at once, "
                f"not {len(publications)} and {size}"
            )
        outcomes = self.store.publish_all(publications, progress=progress or {}, lease=lease)
        if outcomes is None:
            raise LeaseLost(f"the lease {lease and lease[0]!r} is another's; nothing was accepted")
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome != "full":
                self.emit_after("enqueue", message, None)
        return outcomes

    def progress(self) -> dict[str, bytes]:
        """Return how far the senders have come, by field."""
        with translated():
            found = cast("dict[bytes, bytes]", self.store.client.hgetall(self.store.key("progress")))
        return {field.decode(): value for field, value in found.items()}

    def take_lease(self, name: str, holder: str, *, ttl_ms: int) -> bool:
        """Take a lease, or renew it; True if it is `holder`'s for the next `ttl_ms`, False if it is another's."""
        return bool(self.store.call("lease", name, holder, ttl_ms))

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back, if it is `holder`'s."""
        self.store.call("lease", name, holder, 0)

    def lease_holder(self, name: str) -> str | None:
        """Return who holds a lease; None if nobody does."""
        with translated():
            found = cast("bytes | None", self.store.client.get(self.store.key(f"lease:{name}")))
        return None if found is None else found.decode()

    def hold(self, message_id: str, hold_ms: int, *, naming: str = "") -> bool:
        """Let a message that has never started wait in its place.

        Args:
            message_id: Which one.
            hold_ms: How long, from now; 0: no longer.
            naming: Only if its body has this text.

        Returns:
            False if it is too late, or if the message was replaced by one without that text.
        """
        return bool(self.store.call("hold", message_id, max(0, hold_ms), naming))

    def publication(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> Publication:
        """Read a message's options, and its actor's where it has none.

        Raises:
            BadMessage: One has a value that cannot be kept.
        """
        actor = self.actors.get(message.actor_name)
        return prepare(
            message,
            delay_ms=delay or 0,
            actor_options=None if actor is None else actor.options,
            actor_priority=0 if actor is None else actor.priority,
        )
